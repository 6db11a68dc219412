"""What compute cost, as CSV."""

import csv
from argparse import ArgumentParser
from datetime import date, timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from axons_service.compute.cost_report import COLUMNS, GROUPS, cost_lines
from axons_service.compute.costs import Period
from axons_service.sites.models import Site


class Command(BaseCommand):
    help = "GPU minutes and money of a period as CSV. Learners are anonymous ids. The line without a site: no work."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--by", choices=GROUPS, default="course")
        parser.add_argument("--from", dest="first", type=date.fromisoformat, help="first day (UTC), e.g. 2026-11-01")
        parser.add_argument("--to", dest="last", type=date.fromisoformat, help="last day (UTC), today without one")
        parser.add_argument("--site", help="slug of a site; without one all sites")
        parser.add_argument("--course", help="e.g. course-v1:Org+Course+Run")

    def handle(self, *args: Any, **options: Any) -> None:
        last = options["last"] or timezone.now().date()
        period = Period(options["first"] or last - timedelta(days=29), last)
        if period.first > period.last:
            raise CommandError(f"The first day {period.first} is after the last day {period.last}.")
        site = Site.objects.filter(slug=options["site"]).first() if options["site"] else None
        if options["site"] and site is None:
            raise CommandError(f"There is no site named {options['site']}.")
        writer = csv.writer(self.stdout, lineterminator="\n")
        writer.writerow(COLUMNS)
        for line in cost_lines(by=options["by"], period=period, site=site, course=options["course"]):
            writer.writerow(line.row())
