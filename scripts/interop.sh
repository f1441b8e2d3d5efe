#!/usr/bin/env bash
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

# Builds what of proton's examples is not built yet.
build() {
    local program=$1
    shift
    [[ $programs/$program -nt $examples ]] || "$@" -w -o "$programs/$program" -lpthread
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
    scripts/debian13.sh make rabbitmq-server golang-go golang-github-azure-go-amqp-dev
    # With no C library: it runs here as well.
    scripts/debian13.sh run env CGO_ENABLED=0 GO111MODULE=off GOPATH=/usr/share/gocode GOCACHE=/src/.build/go-cache \
        go build -o .build/go_client Tests/InteropPeers/go_client.go
    ln -f "$debian13/build/go_client" "$programs/go_client"
}

# Ten ports that are free, and not the same.
read -r rabbitmq3 distribution3 rabbitmq4 distribution4 epmd c cpp python swift tls < <(/usr/bin/python3 -c '
import socket
sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(10)]
print(*(s.getsockname()[1] for s in sockets))')

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
    echo '[rabbitmq_amqp1_0].' >"$dir/rabbitmq3.d/plugins"
    printf '%s\n' "listeners.tcp.1 = 127.0.0.1:$rabbitmq3" 'amqp1_0.default_user = guest' \
        'amqp1_0.default_vhost = /' >"$dir/rabbitmq3.d/rabbitmq.conf"
    start_rabbitmq 3 "$distribution3" "$dir/rabbitmq3.d" ""

    inner=$(mktemp -d -p "$debian13/root/tmp" interop.XXXXXX)
    echo '[].' >"$inner/plugins"
    echo "listeners.tcp.1 = 127.0.0.1:$rabbitmq4" >"$inner/rabbitmq.conf"
    start_rabbitmq 4 "$distribution4" "$inner" "$debian13/root" scripts/debian13.sh run
}

start_brokers() {
    start_rabbitmqs
    keep c "$programs/c_broker" 127.0.0.1 "$c"
    keep cpp "$programs/cpp_broker" -a "127.0.0.1:$cpp"
    keep python /usr/bin/python3 "$examples/python/broker.py" -a "127.0.0.1:$python"
    keep swift .build/debug/broker "127.0.0.1:$swift" --store "$dir/swift.sqlite"
    # uamqp speaks TLS only.
    openssl req -x509 -newkey rsa:2048 -noenc -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost \
        -keyout "$dir/key.pem" -out "$dir/certificate.pem" 2>"$dir/openssl.log"
    local files=cert=$dir/certificate.pem,key=$dir/key.pem
    keep tls socat "OPENSSL-LISTEN:$tls,bind=127.0.0.1,fork,reuseaddr,verify=0,$files" "TCP:127.0.0.1:$swift"
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
export SWIFT_QPID_PROTON_STRICT=1 # as `make test` has it: nothing is compiled twice
swift build --build-tests
start_brokers
# tell NAME PORT PID-FILE: tells the tests of a broker.
tell() { export "INTEROP_$1=127.0.0.1:$2" "INTEROP_$1_PID=$3"; }
tell RABBITMQ3 "$rabbitmq3" "$dir/rabbitmq3.d/pid"
tell RABBITMQ4 "$rabbitmq4" "$inner/pid"
tell C "$c" "$dir/c.pid"
tell CPP "$cpp" "$dir/cpp.pid"
tell PYTHON "$python" "$dir/python.pid"
tell SWIFT "$swift" "$dir/swift.pid"
export INTEROP_TLS=localhost:$tls INTEROP_CERTIFICATE=$dir/certificate.pem
export INTEROP_PROGRAMS=$programs INTEROP_TABLE=$dir/table.md
# In the background, since Bash heeds a signal only while it waits for such.
start swift test --skip-build --filter '^InteropTests' "$@"
tests=$!
code=0
wait "$tests" || code=$?
if ((code != 0)); then
    echo "interop: the tests failed; the last lines of the brokers:" >&2
    tail -n 5 "$dir"/*.log >&2
    exit "$code"
fi
[[ -n ${CI-} || ! -e $dir/table.md ]] || write_document
