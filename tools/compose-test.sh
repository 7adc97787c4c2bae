#!/usr/bin/env bash
# Brings the compose stack up for real (profile demo), runs the system tests against it, and takes it down with its
# volumes. Called by `make compose-test`.
set -euo pipefail
cd "$(dirname "$0")/.."

docker info >/dev/null 2>&1 || { echo "compose-test: no container engine answers here: start Docker" >&2; exit 1; }
if docker compose version >/dev/null 2>&1; then compose=(docker compose); else compose=(docker-compose); fi

random() { od -An -N16 -tx1 /dev/urandom | tr -d ' \n'; }
export COMPOSE_PROJECT_NAME=callboard-test
export CALLBOARD_TOKEN=$(random) CALLBOARD_SECRET=$(random) RABBITMQ_PASSWORD=$(random) POSTGRES_PASSWORD=$(random)
# Ports of our own, so that a stack that runs here already is left alone.
export CALLBOARD_PUBLISH=127.0.0.1:18080 CALLBOARD_AMQP_PUBLISH=127.0.0.1:15673 CALLBOARD_MANAGEMENT_PORT=15674
export CALLBOARD_SANDBOX_ADMIN_PORT=18444
# The vault takes logins of the demo's sandbox, too.
export CALLBOARD_SANDBOX_ADDRESS=telegram-sandbox
export CALLBOARD_LEASE_SECONDS=10 CALLBOARD_HEARTBEAT_SECONDS=2

down() {
    status=$?
    if [ "$status" != 0 ]; then "${compose[@]}" --profile demo logs --no-color --tail 80 || true; fi
    "${compose[@]}" --profile demo down --volumes --remove-orphans --timeout 20 || true
    exit "$status"
}
trap down EXIT

"${compose[@]}" --profile demo build
"${compose[@]}" --profile demo up -d
CALLBOARD_SYSTEM_URL=http://127.0.0.1:18080 CALLBOARD_SYSTEM_TOKEN=$CALLBOARD_TOKEN \
CALLBOARD_SYSTEM_SANDBOX=http://127.0.0.1:18444 \
CALLBOARD_SYSTEM_MANAGEMENT=http://callboard:$RABBITMQ_PASSWORD@127.0.0.1:15674 \
    .venv/bin/python -m pytest tests/system
