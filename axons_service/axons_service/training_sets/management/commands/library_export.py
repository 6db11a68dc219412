"""`axons-service library_export --site S --name N --path DIR`: a set of a library, to carry to another site."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from axons_service.training_sets.bundles import BundleRefused, library_set_write
from axons_service.training_sets.models import TrainingSet
from axons_service.training_sets.set_names import named


class Command(BaseCommand):
    help = "Write a set of a site's library (starter set or hidden test set) as a folder for library_import."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--site", required=True, help="slug of the site that has it")
        parser.add_argument("--name", required=True, help="name of the set as specs call it, with @ and what follows")
        parser.add_argument("--set-version", type=int, help="default: the newest")
        parser.add_argument("--path", required=True, type=Path, help="a new folder")

    def handle(self, *args: Any, **options: Any) -> None:
        library = TrainingSet.objects.filter(
            site__slug=options["site"], project__isnull=True, state=TrainingSet.State.READY
        )
        bare, _, content = options["name"].partition("@")
        found = library.filter(named(options["name"])) if content else library.filter(name=bare)
        if options["set_version"] is not None:
            found = found.filter(version=options["set_version"])
        training_set = found.order_by("-version").first()
        if training_set is None:
            raise CommandError(f"The library of {options['site']} has no ready set {options['name']} of that version.")
        try:
            sha256 = library_set_write(training_set=training_set, folder=options["path"])
        except (BundleRefused, OSError) as error:
            raise CommandError(str(error)) from error
        hidden = " Its pictures are hidden from learners: keep the folder so." if training_set.kind == "hidden" else ""
        self.stdout.write(
            f"{training_set.name} version {training_set.version}: {training_set.image_count} pictures in "
            f"{options['path']}, images.tar {sha256}.{hidden}"
        )
