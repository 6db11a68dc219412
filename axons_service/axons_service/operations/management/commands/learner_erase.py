"""`axons-service learner_erase`: what the LMS asks for when it retires a user, by hand."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from axons_service.operations.retention.erasure import learner_erase
from axons_service.sites.models import Site


class Command(BaseCommand):
    help = "Erase everything of a learner of a site, for good. Repeats are fine."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--site", required=True, help="slug of the site")
        parser.add_argument("--learner", required=True, help="anonymous user id")

    def handle(self, *args: Any, **options: Any) -> None:
        site = Site.objects.filter(slug=options["site"]).first()
        if site is None:
            raise CommandError(f"There is no site {options['site']}.")
        done = learner_erase(site=site, learner=options["learner"], requested_by="operator")
        self.stdout.write(f"{done.projects} projects and {done.rows} rows erased (audit {done.pk})")
