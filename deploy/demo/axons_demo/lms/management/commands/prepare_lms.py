"""Everything the demo LMS needs before it serves: tables, people, the course. Safe to repeat."""

from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand

from axons_demo.lms.course import import_course
from axons_demo.lms.people import enrol


class Command(BaseCommand):
    help = "Prepare the demo LMS."

    def handle(self, *args: Any, **options: Any) -> None:
        call_command("migrate", run_syncdb=True, verbosity=0)
        enrol()
        self.stdout.write(f"{import_course()} exercises imported")
