// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

// The headers of Apache Qpid Proton-C 0.37 that Swift imports: those of the engine, the proactor and the connection driver.
// Excluded on purpose: raw_connection.h (aborts in pn_proactor_disconnect), tls.h (Debian's library lacks its symbols),
// messenger.h and reactor.h (their libraries no longer exist).
#ifndef SWIFT_QPID_PROTON_CPROTON_H
#define SWIFT_QPID_PROTON_CPROTON_H

#include <proton/codec.h>
#include <proton/condition.h>
#include <proton/connection.h>
#include <proton/connection_driver.h>
#include <proton/delivery.h>
#include <proton/disposition.h>
#include <proton/engine.h>
#include <proton/error.h>
#include <proton/event.h>
#include <proton/link.h>
#include <proton/listener.h>
#include <proton/logger.h>
#include <proton/message.h>
#include <proton/netaddr.h>
#include <proton/object.h>
#include <proton/proactor.h>
#include <proton/sasl.h>
#include <proton/sasl_plugin.h>
#include <proton/session.h>
#include <proton/ssl.h>
#include <proton/terminus.h>
#include <proton/transport.h>
#include <proton/types.h>
#include <proton/version.h>

#endif
