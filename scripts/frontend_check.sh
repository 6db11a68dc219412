#!/usr/bin/env bash
# Types, tests and build of the front end; the committed build must be what the sources give.
set -euo pipefail
cd "$(dirname "$0")/../axons_xblock/frontend"
npm ci --no-audit --no-fund
npm run check
npm run extract -- --check
npm test
npm run build
changed="$(git -C ../.. status --porcelain -- axons_xblock/static)"
if [ -n "$changed" ]; then
  printf 'axons_xblock/static is stale. Run make frontend and commit it:\n%s\n' "$changed" >&2
  exit 1
fi
echo "front end: the committed build is current"
