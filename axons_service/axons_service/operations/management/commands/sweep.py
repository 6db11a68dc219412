"""`axons-service sweep`: what beat does every five minutes, now; or only a count of what it would do."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from axons_service.operations.retention.quotas import bytes_text
from axons_service.operations.retention.sweep import sweep_preview, sweep_run


class Command(BaseCommand):
    help = "Apply the retention rules. --dry-run counts what each of them would take, and changes nothing."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--dry-run", action="store_true")
        parser.add_argument("--seconds", type=float, default=60.0, help="how long to work at most, default 60")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["dry_run"]:
            for due in sweep_preview():
                size = f", {bytes_text(due.bytes)}" if due.bytes else ""
                self.stdout.write(f"{due.count} {due.rule}{size}")
            return
        for rule, count in sweep_run(seconds=options["seconds"]).items():
            self.stdout.write(f"{rule}: {count}")
