"""Show or set what all courses of a site together may run."""

from argparse import ArgumentParser
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError

from axons_service.compute.accounting import site_limits_set
from axons_service.compute.management.commands.course_limits import limit
from axons_service.compute.models import SiteLimits
from axons_service.sites.models import Site


class Command(BaseCommand):
    help = "Set how many trainings of all courses of a site may run at once. Without a limit: show it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--site", required=True, help="slug of the site")
        parser.add_argument("--max-running", type=limit, default=-1, help="trainings at once, or none")

    def handle(self, *args: Any, **options: Any) -> None:
        site = Site.objects.filter(slug=options["site"]).first()
        if site is None:
            raise CommandError(f"There is no site {options['site']}. Register it with site_register.")
        if options["max_running"] != -1:
            try:
                site_limits_set(site=site, max_running=options["max_running"])
            except ValidationError as error:
                raise CommandError("; ".join(error.messages)) from error
        found = SiteLimits.objects.filter(site=site).values_list("max_running", flat=True).first()
        self.stdout.write(f"{site.slug}: {'any number of' if found is None else found} trainings at once.")
