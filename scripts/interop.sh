#!/usr/bin/env bash
# Copyright the swift-qpid-proton authors
# SPDX-License-Identifier: Apache-2.0
#
# Runs Tests/InteropTests: this package with the RabbitMQ of Debian 12 and 13, proton's C, C++ and Python example brokers,
# and ours, and other clients with ours. Prints their tables, and writes them into Documentation/Interop.md, but not where
# CI is set. All brokers listen on free ports of 127.0.0.1, keep their data in scratch folders, and are gone with those
# when this ends, however it ends.
set -euo pipefail
cd "$(dirname "$0")/.."
exec </dev/null

examples=/usr/share/proton/examples
programs=$PWD/.build/interop
debian13=$PWD/.build/debian13
document=Documentation/Interop.md
dir=$(mktemp -d)
inner= # the scratch folder in the Debian 13
sessions=()

# start COMMAND...: starts it in a session of its own, with all that it starts in turn.
start() {
    setsid "$@" &
    sessions+=($!)
}

stop() {
    trap - EXIT INT TERM HUP
    exec 2>/dev/null # where Bash would tell of each that it was killed
    local index
    # Nothing of theirs is to be kept, so none of them is asked. The last one first: a RabbitMQ that starts just then and
    # finds no epmd any more would start one that nobody ends.
    for ((index = ${#sessions[@]} - 1; index >= 0; index--)); do
        pkill -KILL -s "${sessions[index]}" || true
        wait "${sessions[index]}" || true
    done
    rm -rf "$dir" ${inner:+"$inner"}
}
trap stop EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# keep NAME COMMAND...: runs a broker, and again when it has ended: the tests end some, and some crash.
keep() {
    local name=$1
    shift
    # shellcheck disable=SC2016
    start bash -c '
        log=$1.log pid=$1.pid
        shift
        for ((run = 0; run < 50; run++)); do
            "$@" >>"$log" 2>&1 &
            echo $! >"$pid"
            wait $! || true
        done' keep "$dir/$name" "$@" 2>/dev/null
}

# build PROGRAM COMPILER SOURCE...: builds it where it is older than its source.
build() {
    local program=$1
    shift
    [[ $programs/$program -nt $2 ]] || "$@" -w -o "$programs/$program" -lpthread
}
build_peers() {
    local name
    mkdir -p "$programs"
    for name in broker send receive; do
        build "c_$name" gcc "$examples/c/$name.c" -lqpid-proton
    done
    for name in broker simple_send simple_recv helloworld client server; do
        build "cpp_$name" g++ "$examples/cpp/$name.cpp" -lqpid-proton-cpp
    done
    build secure_client g++ Tests/InteropPeers/secure_client.cpp -lqpid-proton-cpp
    scripts/debian13.sh make rabbitmq-server golang-go golang-github-azure-go-amqp-dev golang-github-xdg-go-scram-dev
    for name in go_client go_secure go_scram; do
        # With no C library: it runs here as well.
        scripts/debian13.sh run env CGO_ENABLED=0 GO111MODULE=off GOPATH=/usr/share/gocode \
            GOCACHE=/src/.build/go-cache go build -o ".build/$name" "Tests/InteropPeers/$name.go"
        ln -f "$debian13/build/$name" "$programs/$name"
    done
}

# Twelve ports that are free, and not the same.
read -r rabbitmq3 distribution3 rabbitmq4 distribution4 epmd c cpp python swift tls3 tls4 tls < <(/usr/bin/python3 -c '
import socket
sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(12)]
print(*(s.getsockname()[1] for s in sockets))')

# make_certificates FOLDER: an authority, a certificate of it for localhost and one for the user guest, and an authority
# that has signed nothing.
make_certificates() {
    local folder=$1 name
    {
        for name in authority stranger; do
            openssl req -x509 -newkey rsa:2048 -noenc -days 2 -subj "/CN=$name" \
                -keyout "$folder/$name-key.pem" -out "$folder/$name.pem"
        done
        for name in localhost guest; do
            openssl req -newkey rsa:2048 -noenc -subj "/CN=$name" -keyout "$folder/$name-key.pem" |
                openssl x509 -req -days 2 -CA "$folder/authority.pem" -CAkey "$folder/authority-key.pem" \
                    -extfile <(echo "subjectAltName=DNS:$name,IP:127.0.0.1") -out "$folder/$name.pem"
        done
    } 2>"$folder/openssl.log"
}

# rabbitmq_tls PORT FOLDER: the lines of a RabbitMQ that speaks TLS, with a log-in by certificate.
rabbitmq_tls() {
    printf '%s\n' "listeners.ssl.1 = 127.0.0.1:$1" "ssl_options.cacertfile = $2/authority.pem" \
        "ssl_options.certfile = $2/localhost.pem" "ssl_options.keyfile = $2/localhost-key.pem" \
        'ssl_options.verify = verify_peer' 'ssl_options.fail_if_no_peer_cert = false' \
        'ssl_cert_login_from = common_name' 'auth_mechanisms.1 = PLAIN' 'auth_mechanisms.2 = ANONYMOUS' \
        'auth_mechanisms.3 = EXTERNAL'
}

# start_rabbitmq VERSION DISTRIBUTION-PORT SCRATCH ROOT COMMAND...: by a command for which the folder ROOT is /.
start_rabbitmq() {
    local name=rabbitmq$1 distribution=$2 scratch=$3
    local seen=${scratch#"$4"}
    shift 4
    mkdir "$scratch/home"
    keep "$name" "$@" env HOME="$seen/home" ERL_EPMD_PORT="$epmd" ERL_EPMD_ADDRESS=127.0.0.1 \
        RABBITMQ_NODENAME="$name@localhost" RABBITMQ_DIST_PORT="$distribution" \
        RABBITMQ_MNESIA_BASE="$seen/data" RABBITMQ_LOG_BASE="$seen/log" RABBITMQ_LOGS=- \
        RABBITMQ_CONFIG_FILE="$seen/rabbitmq.conf" RABBITMQ_ENABLED_PLUGINS_FILE="$seen/plugins" \
        RABBITMQ_CONF_ENV_FILE="$seen/none" RABBITMQ_PID_FILE="$seen/pid" ERL_CRASH_DUMP="$seen/crash.dump" \
        RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS="-kernel inet_dist_use_interface {127,0,0,1}" \
        /usr/lib/rabbitmq/bin/rabbitmq-server
}

start_rabbitmqs() {
    # Erlang's name server would outlive the node that starts it: this one does not.
    keep epmd env ERL_EPMD_RELAXED_COMMAND_CHECK=1 epmd -port "$epmd" -address 127.0.0.1
    # A node that does not find it starts one of its own, in the background and for good.
    timeout 10 bash -c 'until : <"/dev/tcp/127.0.0.1/$0"; do :; done' "$epmd" 2>>"$dir/epmd.log" ||
        { echo "interop: epmd does not listen: $(tail -n 1 "$dir/epmd.log")" >&2 && exit 1; }

    mkdir "$dir/rabbitmq3.d"
    echo '[rabbitmq_amqp1_0,rabbitmq_auth_mechanism_ssl].' >"$dir/rabbitmq3.d/plugins"
    {
        printf '%s\n' "listeners.tcp.1 = 127.0.0.1:$rabbitmq3" 'amqp1_0.default_user = guest' 'amqp1_0.default_vhost = /'
        rabbitmq_tls "$tls3" "$dir"
    } >"$dir/rabbitmq3.d/rabbitmq.conf"
    start_rabbitmq 3 "$distribution3" "$dir/rabbitmq3.d" ""

    inner=$(mktemp -d -p "$debian13/root/tmp" interop.XXXXXX)
    cp "$dir"/*.pem "$inner"
    echo '[rabbitmq_auth_mechanism_ssl].' >"$inner/plugins"
    {
        echo "listeners.tcp.1 = 127.0.0.1:$rabbitmq4"
        rabbitmq_tls "$tls4" "${inner#"$debian13/root"}"
    } >"$inner/rabbitmq.conf"
    start_rabbitmq 4 "$distribution4" "$inner" "$debian13/root" scripts/debian13.sh run
}

start_brokers() {
    start_rabbitmqs
    keep c "$programs/c_broker" 127.0.0.1 "$c"
    keep cpp "$programs/cpp_broker" -a "127.0.0.1:$cpp"
    keep python /usr/bin/python3 "$examples/python/broker.py" -a "127.0.0.1:$python"
    .build/debug/broker --users "$dir/users" --add-user guest <<<guest >/dev/null
    keep swift .build/debug/broker "127.0.0.1:$swift" "amqps://127.0.0.1:$tls" --store "$dir/swift.sqlite" \
        --users "$dir/users" --anonymous on-loopback --tls-certificate "$dir/localhost.pem" \
        --tls-key "$dir/localhost-key.pem" --tls-client-ca "$dir/authority.pem" --tls-client-user common-name
}

# Puts the table where the document has it.
write_document() {
    local new=$dir/document
    {
        sed '/^<!-- table/q' "$document"
        cat "$dir/table.md"
        sed -n '/^<!-- end/,$p' "$document"
    } >"$new"
    cmp -s "$new" "$document" || cat "$new" >"$document"
}

build_peers
make_certificates "$dir"
export SWIFT_QPID_PROTON_STRICT=1 # as `make test` has it: nothing is compiled twice
swift build --enable-all-traits --build-tests
start_brokers
# tell NAME PORT PID-FILE: tells the tests of a broker.
tell() { export "INTEROP_$1=127.0.0.1:$2" "INTEROP_$1_PID=$3"; }
tell RABBITMQ3 "$rabbitmq3" "$dir/rabbitmq3.d/pid"
tell RABBITMQ4 "$rabbitmq4" "$inner/pid"
tell C "$c" "$dir/c.pid"
tell CPP "$cpp" "$dir/cpp.pid"
tell PYTHON "$python" "$dir/python.pid"
tell SWIFT "$swift" "$dir/swift.pid"
export INTEROP_RABBITMQ3_TLS=$tls3 INTEROP_RABBITMQ4_TLS=$tls4 INTEROP_SWIFT_TLS=$tls INTEROP_CERTIFICATES=$dir
export INTEROP_PROGRAMS=$programs INTEROP_TABLE=$dir/table.md
# In the background, since Bash heeds a signal only while it waits for such.
start .build/debug/swift-qpid-protonPackageTests.xctest --testing-library swift-testing --filter '^InteropTests' "$@"
tests=$!
code=0
wait "$tests" || code=$?
if ((code != 0)); then
    echo "interop: the tests failed; the last lines of the brokers:" >&2
    tail -n 5 "$dir"/*.log >&2
    exit "$code"
fi
[[ -n ${CI-} || ! -e $dir/table.md ]] || write_document
