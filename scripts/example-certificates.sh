#!/usr/bin/env bash
# Copyright the swift-qpid-proton authors
# SPDX-License-Identifier: Apache-2.0
#
# Makes the certificates of the examples ssl and ssl_client_cert in a folder: scripts/example-certificates.sh ssl-certs
# Each is signed by itself, and its key is encrypted with the password that the examples have.
set -euo pipefail

folder=${1:?"usage: example-certificates.sh FOLDER"}
mkdir -p "$folder"

# certificate NAME COMMON-NAME
certificate() {
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -days 365 \
        -subj "/CN=$2" -addext "subjectAltName=DNS:$2" -passout "pass:${1}pw" \
        -keyout "$folder/$1-private-key.pem" -out "$folder/$1-certificate.pem" 2>/dev/null
}

certificate tserver test_server
certificate tclient test_client
