#!/usr/bin/env bash
# The LMS contract on XBlock 5.2 and 5.3 with Python 3.11, and on XBlock 6.3 with Python 3.12; and an install beside
# an LMS's pins, which may add nothing but the XBlock.
set -euo pipefail
cd "$(dirname "$0")/.."

runs() { "$1" -c "import sys; sys.exit(sys.version_info[:2] != ($2))" >/dev/null 2>&1; }
folder_of() {
  local version="$1" candidate
  for candidate in ".venv/bin/python" "python3.${version#*, }" "${PYENV_ROOT:-$HOME/.pyenv}"/versions/"3.${version#*, }".*/bin/python; do
    if runs "$candidate" "$version"; then
      "$candidate" -c 'import os, sys; print(os.path.join(sys.base_prefix, "bin"))'
      return
    fi
  done
}

path="$PATH" environments=()
for pair in "3, 11:py311-xblock52 py311-xblock53 py311-pins" "3, 12:py312-xblock63 py312-pins"; do
  version="${pair%%:*}"
  folder="$(folder_of "$version")"
  if [ -n "$folder" ]; then
    path="$folder:$path"
    environments+=(${pair#*:})
  else
    printf 'lms-contract: skipped %s: no Python %s was found on this machine\n' "${pair#*:}" "${version/, /.}"
  fi
done
[ ${#environments[@]} -gt 0 ] || { printf 'lms-contract: neither Python 3.11 nor 3.12 was found\n' >&2; exit 1; }
PATH="$path" .venv/bin/python -m tox -e "$(IFS=,; printf '%s' "${environments[*]}")" "$@"
