#!/usr/bin/env bash
# Writes the service's OpenAPI document and the tables of docs/api.md, or with --check compares them with the committed.
set -euo pipefail
cd "$(dirname "$0")/.."
export PYTHONPATH=.
target="$1"
written="$target"
page=docs/api.md
if [ "$target" = "--check" ]; then
  written="$(mktemp)" page="$(mktemp)"
  trap 'rm -f "$written" "$page"' EXIT
  cp docs/api.md "$page"
fi
# The values below only let the settings load: nothing is contacted.
DJANGO_SETTINGS_MODULE=tests.support.service_settings .venv/bin/axons-service spectacular --validate --fail-on-warn --file "$written"
DJANGO_SETTINGS_MODULE=tests.support.service_settings .venv/bin/axons-service api_page "$page"
if [ "$target" = "--check" ] && ! diff -u docs/api.md "$page"; then
  echo "docs/api.md is not what the service's code says. Run: make openapi" >&2
  exit 1
fi
if [ "$target" = "--check" ] && ! diff -u docs/openapi.yaml "$written"; then
  echo "docs/openapi.yaml is not what the service's code says. Run: make openapi" >&2
  exit 1
fi
