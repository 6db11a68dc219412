#!/usr/bin/env bash
# Writes the service's OpenAPI document, or with --check compares it with the committed one.
set -euo pipefail
cd "$(dirname "$0")/.."
export PYTHONPATH=.
target="$1"
written="$target"
if [ "$target" = "--check" ]; then written="$(mktemp)"; trap 'rm -f "$written"' EXIT; fi
# The values below only let the settings load: nothing is contacted.
DJANGO_SETTINGS_MODULE=tests.support.service_settings .venv/bin/axons-service spectacular --validate --fail-on-warn --file "$written"
if [ "$target" = "--check" ] && ! diff -u docs/openapi.yaml "$written"; then
  echo "docs/openapi.yaml is not what the service's code says. Run: make openapi" >&2
  exit 1
fi
