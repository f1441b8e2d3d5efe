// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

// What Swift sees of OpenSSL 3: what proton's own TLS is made of, and the primitives of SASL.
// It has to be the library that libqpid-proton itself uses (libssl.so.3): objects of one are used by the other.
#ifndef SWIFT_QPID_PROTON_COPENSSL_H
#define SWIFT_QPID_PROTON_COPENSSL_H

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

// What OpenSSL has as macros that Swift cannot import, as functions of the same meaning.

static inline long COpenSSL_set_server_name(SSL *ssl, const char *name) {
    return SSL_set_tlsext_host_name(ssl, (char *)name);
}

static inline long COpenSSL_set_min_version(SSL_CTX *context, int version) {
    return SSL_CTX_set_min_proto_version(context, version);
}

static inline long COpenSSL_add_chain_certificate(SSL_CTX *context, X509 *certificate) {
    return SSL_CTX_add1_chain_cert(context, certificate);
}

static inline long COpenSSL_set_session_cache_mode(SSL_CTX *context, long mode) {
    return SSL_CTX_set_session_cache_mode(context, mode);
}

/// No renegotiation, which TLS 1.2 has and nobody needs, and the server's order of ciphers.
static inline void COpenSSL_harden(SSL_CTX *context) {
    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE);
}

static inline void COpenSSL_forbid_tickets(SSL_CTX *context) { SSL_CTX_set_options(context, SSL_OP_NO_TICKET); }

/// Has a handshake fail before its first byte.
static inline void COpenSSL_forbid_handshake(SSL *ssl) { SSL_set_options(ssl, SSL_OP_NO_SSL_MASK); }

static inline int COpenSSL_print_name(BIO *out, const X509_NAME *name) {
    return X509_NAME_print_ex(out, name, 0, XN_FLAG_RFC2253);
}

#endif
