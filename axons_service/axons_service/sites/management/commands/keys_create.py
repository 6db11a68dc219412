"""`axons-service keys_create`: the service's signing key."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from axons_service.sites.keys import key_pair_create


class Command(BaseCommand):
    help = (
        "Create the service's Ed25519 key (AXONS_SERVICE_PRIVATE_KEY_FILE) when there is none, and its .pub beside it."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--path", type=Path, help="another file, for example a site's own key pair")

    def handle(self, *args: Any, **options: Any) -> None:
        path = options["path"] or Path(settings.AXONS_SERVICE_PRIVATE_KEY_FILE)
        created = key_pair_create(path)
        self.stdout.write(
            f"{path} {'created' if created else 'is there already'}; public key: {path.with_suffix('.pub')}"
        )
