// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

// The forwarding C peer: what a producer's link brings goes out on a consumer's as it is, and nothing more is done. What a
// broker costs beside what must be done is measured by it.
//
// The producer gets as much credit as the consumer has given and messages do not use yet: none ever has to wait here. One
// thread has both connections; the one whose events it does not handle at the time is woken, so that it is written to.
#include "peer.h"
#include <proton/connection.h>
#include <proton/delivery.h>
#include <proton/link.h>
#include <proton/proactor.h>
#include <proton/session.h>

static pn_link_t *producer, *consumer;

static pn_connection_t *connection_of(pn_link_t *link) { return pn_session_connection(pn_link_session(link)); }

void forward_opened(pn_link_t *link) {
    if (pn_link_is_receiver(link)) {
        producer = link;
    } else {
        consumer = link;
    }
    forward_credit();
}

void forward_ended(pn_connection_t *connection) {
    if (producer && connection_of(producer) == connection) producer = NULL;
    if (consumer && connection_of(consumer) == connection) consumer = NULL;
}

void forward_credit(void) {
    if (!producer || !consumer) return;
    int credit = pn_link_credit(consumer) - pn_link_credit(producer);
    // Not for one message each: an update of credit is a frame.
    if (credit <= 0 || pn_link_credit(producer) > pn_link_credit(consumer) / 2) return;
    pn_link_flow(producer, credit);
    pn_connection_wake(connection_of(producer));
}

void forward_message(const char *bytes, size_t size) {
    static uint64_t tag;
    if (!consumer) return;
    tag++;
    pn_delivery(consumer, pn_dtag((const char *)&tag, sizeof tag));
    pn_link_send(consumer, bytes, size);
    pn_link_advance(consumer);
    pn_connection_wake(connection_of(consumer));
}
