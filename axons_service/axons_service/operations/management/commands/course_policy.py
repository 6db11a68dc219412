"""`axons-service course_policy`: quotas and retention of one course."""

import re
from datetime import date
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from axons_service.operations.retention import ages
from axons_service.operations.retention.quotas import bytes_text, course_count
from axons_service.operations.retention.trash import UNDO
from axons_service.sites.models import Site
from axons_service.storage.models import CoursePolicy

UNITS = {"": 1, "KiB": 1024, "MiB": 1024**2, "GiB": 1024**3, "TiB": 1024**4}


def size(text: str) -> int | None:
    """`500MiB`, `2GiB`, `0` (no limit) or `default` as bytes; None for the default."""
    if text == "default":
        return None
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(|KiB|MiB|GiB|TiB)", text)
    if found is None:
        raise CommandError(f"A size is a number with KiB, MiB, GiB or TiB, 0 for no limit, or default: {text} is not.")
    return int(float(found[1]) * UNITS[found[2]])


class Command(BaseCommand):
    help = "Set quotas and retention of a course, or show them. With --dry-run only say what would go to the trash."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--site", required=True, help="slug of the site")
        parser.add_argument("--course", required=True, help="course key")
        parser.add_argument("--ends-on", help="last day of the course, YYYY-MM-DD, or never")
        parser.add_argument("--retention-days", help="days after it until learners' work goes to the trash, or never")
        parser.add_argument("--learner-quota", help="per learner and exercise: 2GiB, 0 for no limit, or default")
        parser.add_argument("--course-quota", help="of all learners together: 200GiB, 0 for no limit, or default")
        parser.add_argument("--dry-run", action="store_true", help="change nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        site = Site.objects.filter(slug=options["site"]).first()
        if site is None:
            raise CommandError(f"There is no site {options['site']}. Known are: {', '.join(map(str, _sites()))}.")
        changes = _changes(options)
        policy = CoursePolicy.objects.filter(site=site, course_key=options["course"]).first() or CoursePolicy(
            site=site, course_key=options["course"]
        )
        for name, value in changes.items():
            setattr(policy, name, value)
        if changes and not options["dry_run"]:
            policy.save()
        self._tell(policy)

    def _tell(self, policy: CoursePolicy) -> None:
        room = course_count(policy)
        limit = bytes_text(room.quota) if room.quota else "no limit"
        self.stdout.write(f"{policy.course_key} fills {bytes_text(room.used)} of {limit}")
        if policy.ends_on is None or policy.retention_days is None:
            self.stdout.write("learners' work is kept for as long as the course is")
            return
        due = ages.course_projects(policy, older_than=ages.course_cutoff(policy)).count()
        over = ages.policy_over_on(policy)
        when = "now" if over <= timezone.now().date() else f"on {over}"
        self.stdout.write(
            f"learners' work goes to the trash {when}, and for good {UNDO.days} days later; "
            f"{due} projects have something that old today"
        )


def _changes(options: dict[str, Any]) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    if options["ends_on"] is not None:
        changes["ends_on"] = None if options["ends_on"] == "never" else _date(options["ends_on"])
    if options["retention_days"] is not None:
        changes["retention_days"] = _days(options["retention_days"])
    for option, name in (("learner_quota", "learner_quota_bytes"), ("course_quota", "course_quota_bytes")):
        if options[option] is not None:
            changes[name] = size(options[option])
    return changes


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise CommandError(f"A day is YYYY-MM-DD: {text} is not.") from error


def _days(text: str) -> int | None:
    if text == "never":
        return None
    if not text.isdecimal():
        raise CommandError(f"Retention is a whole number of days, or never: {text} is neither.")
    return int(text)


def _sites() -> list[Site]:
    return list(Site.objects.order_by("slug"))
