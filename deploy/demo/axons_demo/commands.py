"""Several of the service's management commands in one process: `python -m axons_demo.commands '[["migrate"], …]'`.

Each start of Django takes two seconds; what a command prints last becomes one line.
"""

from __future__ import annotations

import io
import json
import sys

import django
from django.core.management import CommandError, ManagementUtility


def run(commands: list[list[str]]) -> int:
    """Run them in order. Returns 1 at the first that fails, after its sentence."""
    django.setup()
    for command in commands:
        output = io.StringIO()
        utility = ManagementUtility(["axons-service", *command])
        fetched = utility.fetch_command(command[0])
        parser = fetched.create_parser("axons-service", command[0])
        options = vars(parser.parse_args(command[1:]))
        positional = options.pop("args", ())
        try:
            fetched.execute(*positional, **{**options, "stdout": output})
        except CommandError as error:
            print(f"{command[0]}: {error}", file=sys.stderr)
            return 1
        lines = output.getvalue().strip().splitlines()
        print(lines[-1] if lines else f"{command[0]}: done", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(run(json.loads(sys.argv[1])))
