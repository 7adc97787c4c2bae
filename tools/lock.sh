#!/bin/sh
# Resolves pyproject.toml into the lock files: every package with its hashes, for every Python from 3.11 and
# every platform, without a word about where it came from.
set -eu
compile() {
    .venv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
        --no-emit-index-url --no-emit-find-links "$@"
}
compile pyproject.toml --extra dev --extra build -o requirements-dev.lock
compile --group setup -c requirements-dev.lock -o requirements-setup.lock
compile pyproject.toml --extra stack --extra build -c requirements-dev.lock -o requirements.lock
for service in registry deployer agent console sandbox; do
    compile pyproject.toml --extra "$service" -c requirements-dev.lock -o "requirements-$service.lock"
done
