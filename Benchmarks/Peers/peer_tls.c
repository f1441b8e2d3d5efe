// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

// TLS of the C peer, by pn_ssl: certificate.pem and key.pem in the folder of -T are the listener's, and all that a client
// trusts. Without -T there is none.
#include "peer.h"
#include <proton/ssl.h>
#include <proton/transport.h>
#include <stdio.h>
#include <stdlib.h>

static pn_ssl_domain_t *domain;

static void fail(void) {
    fprintf(stderr, "peer: -T %s: certificate.pem and key.pem cannot be used\n", options.tls);
    exit(1);
}

void prepare_tls(void) {
    if (!options.tls) return;
    char certificate[4096], key[4096];
    snprintf(certificate, sizeof certificate, "%s/certificate.pem", options.tls);
    snprintf(key, sizeof key, "%s/key.pem", options.tls);
    domain = pn_ssl_domain(options.listening ? PN_SSL_MODE_SERVER : PN_SSL_MODE_CLIENT);
    if (!domain) fail();
    if (options.listening) {
        if (pn_ssl_domain_set_credentials(domain, certificate, key, NULL)) fail();
    } else if (pn_ssl_domain_set_trusted_ca_db(domain, certificate) ||
               pn_ssl_domain_set_peer_authentication(domain, PN_SSL_VERIFY_PEER_NAME, NULL)) {
        fail();
    }
}

pn_transport_t *make_transport(void) {
    if (!domain) return NULL; // the proactor makes one
    pn_transport_t *transport = pn_transport();
    if (options.listening) {
        pn_transport_set_server(transport);
        pn_transport_require_auth(transport, false);
    }
    pn_ssl_t *ssl = pn_ssl(transport);
    if (pn_ssl_init(ssl, domain, NULL)) fail();
    if (!options.listening) pn_ssl_set_peer_hostname(ssl, "localhost");
    return transport;
}
