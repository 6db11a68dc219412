"""`axons-service model_import --site S --path DIR`: a model into a site's library."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from axons_service.exercises.supplied_models import ModelRefused, supplied_model_import
from axons_service.sites.models import Site


class Command(BaseCommand):
    help = "Import a supplied model (model.json + model.safetensors) into a site's library. Idempotent."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--site", required=True, help="slug of a registered site")
        parser.add_argument("--path", required=True, type=Path, help="folder with model.json and model.safetensors")
        parser.add_argument("--name", help="library name; default: the folder's name")
        parser.add_argument("--title", default="", help="what authors read; default: the name")

    def handle(self, *args: Any, **options: Any) -> None:
        site = Site.objects.filter(slug=options["site"]).first()
        if site is None:
            raise CommandError(f"There is no site {options['site']}. Register it with site_register first.")
        folder: Path = options["path"].resolve()
        try:
            model, created = supplied_model_import(
                site=site, folder=folder, name=options["name"] or folder.name, title=options["title"]
            )
        except ModelRefused as error:
            raise CommandError(str(error)) from error
        what = "imported" if created else "is there already"
        self.stdout.write(f"{model.name} {what}: {model.architecture}, {len(model.classes)} classes")
