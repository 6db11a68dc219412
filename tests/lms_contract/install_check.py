"""Install axons-xblock into this virtualenv, which holds an LMS's pins, and say what that changed.

    python tests/lms_contract/install_check.py

Exits 1 when anything but `axons-xblock` was added, changed or removed.
"""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input"]


def installed() -> dict[str, str]:
    """Version of every distribution in this virtualenv."""
    listed = subprocess.run([*PIP, "list", "--format=json"], check=True, capture_output=True, text=True).stdout
    return {each["name"].lower(): each["version"] for each in json.loads(listed)}


def main() -> int:
    subprocess.run([*PIP, "uninstall", "--quiet", "--yes", "axons-xblock"], check=True)  # what an earlier check left
    before = installed()
    subprocess.run([*PIP, "install", "--quiet", str(ROOT)], check=True)
    after = installed()
    added = sorted(after.keys() - before.keys())
    changed = sorted(name for name in before if after.get(name) != before[name])
    subprocess.run([*PIP, "check"], check=True)
    print(f"lms pins: {len(before)} packages, added {added}, changed {changed}")
    return 0 if added == ["axons-xblock"] and not changed else 1


if __name__ == "__main__":
    sys.exit(main())
