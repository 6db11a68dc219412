#!/usr/bin/env bash
# mypy, room by room: strict for the service and the runner. Each room is its own program.
set -euo pipefail
cd "$(dirname "$0")/.."
mypy=.venv/bin/mypy
$mypy -p axons_service
$mypy -p axons_runner
$mypy -p axons_xblock
# The demo LMS is a Django project of its own: the same configuration, with its settings instead of the service's.
home="$(mktemp -d)"
trap 'rm -rf "$home"' EXIT
mkdir "$home/keys"
sed 's/"tests.support.service_settings"/"axons_demo.lms.settings"/' pyproject.toml >"$home/pyproject.toml"
MYPYPATH=deploy/demo PYTHONPATH=deploy/demo \
  AXONS_DEMO_HOME="$home" AXONS_DEMO_LMS_PORT=8000 AXONS_DEMO_SERVICE_URL=http://127.0.0.1:8001 \
  $mypy --config-file "$home/pyproject.toml" --cache-dir .mypy_cache/demo -p axons_demo
MYPYPATH=deploy/demo $mypy -p scripts
