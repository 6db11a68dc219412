"""Stop every runner that this machine started."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from axons_service.compute.services import local_runners_stop


class Command(BaseCommand):
    help = "Stop all local runners; they give their jobs back first. Stop the worker before, or it starts new ones."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--seconds", type=float, default=15.0, help="grace before they are killed (default 15)")

    def handle(self, *args: Any, **options: Any) -> None:
        count = local_runners_stop(seconds=options["seconds"])
        self.stdout.write(f"Stopped {count} local runner{'' if count == 1 else 's'}.")
