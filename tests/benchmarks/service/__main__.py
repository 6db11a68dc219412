"""`python -m tests.benchmarks.service`: QUICK=1 checks the script, WRITE=docs/performance.md writes the page."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from tests.benchmarks.pages import sections
from tests.benchmarks.service.stack import Stack


def main() -> int:
    stack = Stack()
    try:
        stack.open()
        os.environ.update(stack.environment)
        import django

        django.setup()
        from django.core.management import call_command

        call_command("migrate", verbosity=0)
        call_command("storage_prepare")
        from tests.benchmarks.service.runs import measure

        page = measure(stack, is_quick=os.environ.get("QUICK") == "1", only=sys.argv[1:])
    finally:
        stack.close()
    target = os.environ.get("WRITE")
    if target and not sys.argv[1:]:
        Path(target).write_text(page + sections(Path(target)))  # other benchmarks write theirs
        print(f"bench-service: wrote {target}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
