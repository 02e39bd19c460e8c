#!/bin/sh
# The one way to start any process of Tokeni on a server. In a container and without one: it needs only the settings
# (.env.example) and a PATH with the installed packages. `manage.py up` starts the same processes on one machine.
#
#   entrypoint.sh migrate          bring the tables up to date, then end
#   entrypoint.sh web              serve hooks, pages and health on $BIND
#   entrypoint.sh worker QUEUE     work one queue of gateway/queues.py
#   entrypoint.sh ping QUEUE       exit 0 when this host's worker of the queue answers (health checks)
#   entrypoint.sh beat             wake the sweeps; run exactly one
#   entrypoint.sh manage COMMAND   any command of manage.py
set -eu
cd "$(dirname "$0")/.."

usage() {
    echo "usage: entrypoint.sh migrate | web | worker QUEUE | ping QUEUE | beat | manage COMMAND..." >&2
    exit 64
}

check_queue() {
    case "$1" in
    tokens | messages | payments) ;;
    *)
        echo "entrypoint.sh: no queue is called '$1'" >&2
        exit 64
        ;;
    esac
}

[ $# -ge 1 ] || usage
command=$1
shift

# A core dump would hold what is secret in a process's memory.
ulimit -c 0

# The key that opens the vending keys is for the worker of the tokens queue; `manage` keeps what its container was given.
if [ "$command" != manage ] && [ "$command ${1:-}" != "worker tokens" ]; then
    unset KEY_ENCRYPTION_KEY_FILE KEY_ENCRYPTION_KEY
fi
# The password that orders money back is for the worker of the payments queue, in the same way.
if [ "$command" != manage ] && [ "$command ${1:-}" != "worker payments" ]; then
    unset MPESA_INITIATOR_PASSWORD
fi

case "$command" in
migrate)
    exec python manage.py migrate --noinput
    ;;
web)
    processes=${WEB_PROCESSES:-0}
    [ "$processes" != 0 ] || processes=2
    # No access log: the address of a hook holds its secret.
    exec gunicorn gateway.wsgi:application \
        --bind "${BIND:-127.0.0.1:8000}" \
        --worker-class gthread --workers "$processes" --threads "${WEB_THREADS:-8}" \
        --timeout 30 --graceful-timeout 5 --keep-alive 30 \
        --worker-tmp-dir /dev/shm --no-control-socket --log-level warning \
        --config python:gateway.management.web
    ;;
worker)
    [ $# -eq 1 ] || usage
    check_queue "$1"
    # Messages and payments wait for the network, tokens for the processor.
    threads=4
    if [ "$1" = tokens ]; then
        threads=2
    fi
    if [ "$1" != messages ]; then
        # A key-encryption key or a certificate that is none must show now, not at a sale or a refund.
        python manage.py check --deploy --tag tokeni >&2
    fi
    exec celery --app gateway.celery worker \
        --queues "$1" --hostname "$1@%h" --pool threads --concurrency "$threads" \
        --without-gossip --without-mingle --without-heartbeat --loglevel WARNING
    ;;
ping)
    [ $# -eq 1 ] || usage
    check_queue "$1"
    exec celery --app gateway.celery inspect ping --destination "$1@$(hostname)" --timeout 5
    ;;
beat)
    # Every sweep may run at any time, so the file of last runs may be lost. It is a pickle: its folder must be ours alone.
    exec celery --app gateway.celery beat --schedule "$(mktemp -d)/schedule" --pidfile= --loglevel WARNING
    ;;
manage)
    exec python manage.py "$@"
    ;;
*)
    usage
    ;;
esac
