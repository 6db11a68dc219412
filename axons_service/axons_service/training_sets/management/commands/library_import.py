"""`axons-service library_import --site S --path DIR`: a set into a site's library."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from axons_service.sites.models import Site
from axons_service.training_sets.library import ImportRefused, library_set_import


class Command(BaseCommand):
    help = "Import a starter set or a hidden test set (dataset.json + images.tar) into a site's library. Idempotent."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--site", required=True, help="slug of a registered site")
        parser.add_argument("--path", required=True, type=Path, help="folder with dataset.json and images.tar")
        parser.add_argument("--role", choices=["starter", "hidden"], help="instead of the role that dataset.json names")

    def handle(self, *args: Any, **options: Any) -> None:
        site = Site.objects.filter(slug=options["site"]).first()
        if site is None:
            raise CommandError(f"There is no site {options['site']}. Register it with site_register first.")
        try:
            training_set, created = library_set_import(site=site, folder=options["path"], role=options["role"])
        except ImportRefused as error:
            raise CommandError(str(error)) from error
        what = "imported as" if created else "is there already:"
        self.stdout.write(
            f"{training_set.name} {what} {training_set.kind} version {training_set.version}, "
            f"{training_set.image_count} pictures in {len(training_set.classes)} classes"
        )
