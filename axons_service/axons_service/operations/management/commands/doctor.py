"""`axons-service doctor`: is this deployment well, and if not, what is to be done?"""

from collections.abc import Callable, Iterator
from typing import Any

from django.core.management.base import BaseCommand
from django.db import DatabaseError

from axons_service.operations.doctor import local, outside, servers
from axons_service.operations.doctor.findings import Finding, Level, fail, without_secrets

CHECKS: tuple[tuple[str, Callable[[], Iterator[Finding]]], ...] = (
    ("settings", local.settings_check),
    ("keys", local.keys_check),
    ("database", servers.database_check),
    ("sites", local.sites_check),
    ("broker", servers.broker_check),
    ("object store", servers.store_check),
    ("address", outside.address_check),
    ("callback", outside.callbacks_check),
    ("pools", outside.pools_check),
)


def examine() -> Iterator[Finding]:
    """Every finding, without secrets. A check that breaks is a finding too, and the others go on."""
    for part, check in CHECKS:
        try:
            for finding in check():
                yield without_secrets(finding)
        except DatabaseError:
            yield fail(part, "it cannot be checked without the database.", "Mend the database first.")
        except Exception as error:
            text = f"the check itself broke: {type(error).__name__}: {error}"
            yield without_secrets(fail(part, text, "Report this as a defect of Axons; the other lines hold."))


class Command(BaseCommand):
    help = "Check settings, keys, clocks, database, broker, object store, addresses and providers; exit 1 on a failure."
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        findings = []
        for finding in examine():
            findings.append(finding)
            self.stdout.write(finding.line())
        counts = {level: sum(finding.level is level for finding in findings) for level in Level}
        self.stdout.write(", ".join(f"{count} {level}" for level, count in counts.items()))
        if counts[Level.FAIL]:
            raise SystemExit(1)
