"""Show or set what a course may use."""

from argparse import ArgumentParser, ArgumentTypeError
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError

from axons_service.compute.accounting import course_limits_set
from axons_service.compute.models import CourseLimits
from axons_service.sites.models import Site

NAMES = ("max_running", "course_minutes", "learner_minutes", "period")


def limit(text: str) -> int | None:
    """A number, or `none` for no limit."""
    if text == "none":
        return None
    if not text.isascii() or not text.isdigit():
        raise ArgumentTypeError(f"“{text}” is neither a whole number nor “none”.")
    return int(text)


class Command(BaseCommand):
    help = "Set the limits of a course of one site; what is not named stays as it is. Without a limit: show them."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--site", required=True, help="slug of the site")
        parser.add_argument("--course", required=True, help="e.g. course-v1:Org+Course+Run")
        parser.add_argument("--max-running", type=limit, help="trainings at once, or none")
        parser.add_argument("--course-minutes", type=limit, help="compute minutes of the course in a period, or none")
        parser.add_argument("--learner-minutes", type=limit, help="compute minutes of each learner, or none")
        parser.add_argument("--period", choices=list(CourseLimits.Period.values), help="when minutes are renewed")
        parser.set_defaults(**dict.fromkeys(NAMES, ...))

    def handle(self, *args: Any, **options: Any) -> None:
        site = Site.objects.filter(slug=options["site"]).first()
        if site is None:
            raise CommandError(f"There is no site named {options['site']}. Register it with site_register first.")
        known = CourseLimits.objects.filter(site=site, course_key=options["course"]).first() or CourseLimits()
        changes = {name: options[name] for name in NAMES if options[name] is not ...}
        if changes:
            values = {name: getattr(known, name) for name in NAMES} | changes
            try:
                known = course_limits_set(site=site, course_key=options["course"], **values)
            except ValidationError as error:
                raise CommandError(" ".join(error.messages)) from error
        self.stdout.write(
            f"{options['course']}: {_words(known.max_running)} trainings at once, "
            f"{_words(known.course_minutes)} minutes for the course and {_words(known.learner_minutes)} "
            f"for each learner, renewed: {known.period}."
        )


def _words(value: int | None) -> str:
    return "any number of" if value is None else str(value)
