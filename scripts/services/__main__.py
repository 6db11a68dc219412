"""`python -m scripts.services start|stop`."""

from __future__ import annotations

import sys

from scripts.services import lifecycle


def main() -> int:
    command = sys.argv[1] if len(sys.argv) == 2 else ""
    if command not in ("start", "stop"):
        print("usage: python -m scripts.services start|stop", file=sys.stderr)
        return 2
    try:
        if command == "start":
            lifecycle.start()
        else:
            lifecycle.stop()
    except lifecycle.ServiceError as error:
        print(f"services: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
