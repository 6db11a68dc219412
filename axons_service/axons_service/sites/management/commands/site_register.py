"""`axons-service site_register`: let an LMS in."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from axons_service.sites.services import SiteRefused, site_register


class Command(BaseCommand):
    help = "Register an LMS with its public key, callback hosts and browser origins. Idempotent."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--slug", required=True)
        parser.add_argument("--name", required=True)
        parser.add_argument("--key-id", required=True, help="kid of the site's signing key")
        parser.add_argument("--public-key-file", required=True, type=Path, help="Ed25519 public key, PEM")
        parser.add_argument("--callback-host", action="append", default=[], help="host[:port] that grades may go to")
        parser.add_argument("--origin", action="append", default=[], help="https://host[:port] of the LMS or Studio")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            public_key = options["public_key_file"].read_text()
        except OSError as error:
            raise CommandError(f"{options['public_key_file']} cannot be read: {error.strerror}.") from error
        try:
            site, created = site_register(
                slug=options["slug"],
                name=options["name"],
                key_id=options["key_id"],
                public_key=public_key,
                callback_hosts=options["callback_host"],
                origins=options["origin"],
            )
        except SiteRefused as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"site {site.slug} {'registered' if created else 'is up to date'}")
