#!/usr/bin/env bash
# Runs Tests/InteropTests against RabbitMQ, proton's C, C++ and Python example brokers, and ours; prints their table, and
# writes it into Documentation/Interop.md, but not where CI is set. All brokers listen on free ports of 127.0.0.1, keep
# their data in a scratch folder, and are gone with it when this ends, however it ends.
set -euo pipefail
cd "$(dirname "$0")/.."
exec </dev/null

examples=/usr/share/proton/examples
programs=$PWD/.build/interop
document=Documentation/Interop.md
dir=$(mktemp -d)
sessions=()

# start COMMAND...: starts it in a session of its own, with all that it starts in turn.
start() {
    setsid "$@" &
    sessions+=($!)
}

stop() {
    trap - EXIT INT TERM HUP
    exec 2>/dev/null # where Bash would tell of each that it was killed
    local session
    # Nothing of theirs is to be kept, so none of them is asked.
    for session in "${sessions[@]}"; do
        pkill -KILL -s "$session" || true
        wait "$session" || true
    done
    rm -rf "$dir"
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
}

# Seven ports that are free, and not the same.
read -r rabbitmq distribution epmd c cpp python swift < <(/usr/bin/python3 -c '
import socket
sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(7)]
print(*(s.getsockname()[1] for s in sockets))')

start_rabbitmq() {
    local scratch=$dir/rabbitmq.d
    mkdir -p "$scratch/home"
    echo '[rabbitmq_amqp1_0].' >"$scratch/plugins"
    cat >"$scratch/rabbitmq.conf" <<END
listeners.tcp.1 = 127.0.0.1:$rabbitmq
amqp1_0.default_user = guest
amqp1_0.default_vhost = /
END
    # Erlang's name server would outlive the node that starts it: this one does not.
    keep epmd env ERL_EPMD_RELAXED_COMMAND_CHECK=1 epmd -port "$epmd" -address 127.0.0.1
    keep rabbitmq env HOME="$scratch/home" ERL_EPMD_PORT="$epmd" ERL_EPMD_ADDRESS=127.0.0.1 \
        RABBITMQ_NODENAME=interop@localhost RABBITMQ_DIST_PORT="$distribution" \
        RABBITMQ_MNESIA_BASE="$scratch/data" RABBITMQ_LOG_BASE="$scratch/log" RABBITMQ_LOGS=- \
        RABBITMQ_CONFIG_FILE="$scratch/rabbitmq.conf" RABBITMQ_ENABLED_PLUGINS_FILE="$scratch/plugins" \
        RABBITMQ_CONF_ENV_FILE="$scratch/none" RABBITMQ_PID_FILE="$scratch/pid" \
        RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS="-kernel inet_dist_use_interface {127,0,0,1}" \
        /usr/lib/rabbitmq/bin/rabbitmq-server
}

start_brokers() {
    start_rabbitmq
    keep c "$programs/c_broker" 127.0.0.1 "$c"
    keep cpp "$programs/cpp_broker" -a "127.0.0.1:$cpp"
    keep python /usr/bin/python3 "$examples/python/broker.py" -a "127.0.0.1:$python"
    keep swift .build/debug/broker "127.0.0.1:$swift"
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
export INTEROP_RABBITMQ=127.0.0.1:$rabbitmq INTEROP_C=127.0.0.1:$c INTEROP_CPP=127.0.0.1:$cpp \
    INTEROP_PYTHON=127.0.0.1:$python INTEROP_SWIFT=127.0.0.1:$swift \
    INTEROP_RABBITMQ_PID=$dir/rabbitmq.d/pid INTEROP_C_PID=$dir/c.pid INTEROP_CPP_PID=$dir/cpp.pid \
    INTEROP_PYTHON_PID=$dir/python.pid INTEROP_SWIFT_PID=$dir/swift.pid \
    INTEROP_PROGRAMS=$programs INTEROP_TABLE=$dir/table.md
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
