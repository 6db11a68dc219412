#!/usr/bin/env bash
# Installs what reads deploy/ in the tests, apart from .venv: Tutor renders the plugin, hadolint reads the Dockerfiles,
# the compose specification's parser the compose files, and a PromQL parser the alerts. No Docker, no cluster.
set -euo pipefail
cd "$(dirname "$0")/.."

tools=.deploy-tools
key="$(cat deploy/requirements.txt deploy/tutor-axons/pyproject.toml | sha256sum | cut -d' ' -f1)"
if [ "$(cat "$tools/.key" 2>/dev/null || true)" != "$key" ]; then
  rm -rf "$tools"
  .venv/bin/python -m venv "$tools"
  "$tools/bin/python" -m pip install --quiet --disable-pip-version-check --prefer-binary -r deploy/requirements.txt
  "$tools/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps -e deploy/tutor-axons
  printf '%s\n' "$key" >"$tools/.key"
fi
