"""List what could not be delivered, and send it again or drop it."""

from argparse import ArgumentParser
from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from kombu.exceptions import OperationalError

from axons_service.grading.dead_grades import dead_grades, grade_forget
from axons_service.grading.delivery import grade_retry
from axons_service.operations.dead_letters import (
    DeadLetter,
    NoDeadLetters,
    dead_letters,
    dead_letters_drop,
    dead_letters_replay,
)

GRADE = "grade-"


class Command(BaseCommand):
    help = "List dead letters: tasks that cost their workers' lives, and grades that the LMS refused. Mend the cause \
first, then --replay or --drop."

    def add_arguments(self, parser: ArgumentParser) -> None:
        action = parser.add_mutually_exclusive_group()
        action.add_argument("--replay", metavar="ID", nargs="*", help="send these again; with --all every one")
        action.add_argument("--drop", metavar="ID", nargs="+", help="forget these")
        parser.add_argument("--all", action="store_true", help="with --replay: every dead letter")

    def handle(self, *args: Any, **options: Any) -> None:
        replay, drop, everything = options["replay"], options["drop"], options["all"]
        if everything and replay != []:
            raise CommandError("--all goes with --replay and without an ID: dead_letters --replay --all")
        if replay == [] and not everything:
            raise CommandError("Name what to send again: --replay ID, or --replay --all.")
        if replay is not None:
            self._act("sent again", replay, dead_letters_replay, lambda pk: grade_retry(delivery_id=pk))
        elif drop:
            self._act("dropped", drop, dead_letters_drop, lambda pk: grade_forget(delivery_id=pk))
        else:
            self._list()

    def _list(self) -> None:
        tasks = self._broker(dead_letters)
        grades = list(dead_grades())
        for letter in tasks:
            self.stdout.write(
                f"{letter.id}  {letter.task}  queue={letter.queue}  reason={letter.reason}  "
                f"count={letter.deaths}  age={_age(letter.died_at)}"
            )
        for grade in grades:
            self.stdout.write(
                f"{GRADE}{grade.pk}  grade of revision {grade.revision}  queue=deliver  reason={grade.last_error}  "
                f"count={grade.tries}  age={_age(grade.created_at)}"
            )
        self.stdout.write(f"{len(tasks) + len(grades)} dead letters ({len(tasks)} tasks, {len(grades)} grades).")

    def _act(
        self,
        done: str,
        ids: list[str],
        on_tasks: Callable[[Callable[[DeadLetter], bool]], list[DeadLetter]],
        on_grade: Callable[[int], bool],
    ) -> None:
        """Do it to these ids, or to everything when none is named."""
        named = set(ids)
        grades = [grade.pk for grade in dead_grades() if not named or f"{GRADE}{grade.pk}" in named]
        changed = {f"{GRADE}{pk}" for pk in grades if on_grade(pk)}
        if not named or any(not name.startswith(GRADE) for name in named):
            letters = self._broker(lambda: on_tasks(lambda letter: not named or letter.id in named))
            changed |= {letter.id for letter in letters}
        for name in sorted(changed):
            self.stdout.write(f"{name} {done}")
        if missing := sorted(named - changed):
            raise CommandError(f"Not among the dead letters: {', '.join(missing)}. List them with: dead_letters")
        self.stdout.write(f"{len(changed)} {done}.")

    def _broker(self, ask: Callable[[], list[DeadLetter]]) -> list[DeadLetter]:
        try:
            return ask()
        except NoDeadLetters as reason:
            self.stderr.write(str(reason))
            return []
        except (OperationalError, OSError) as error:
            raise CommandError(f"RabbitMQ does not answer ({error}). See that it runs, then ask again.") from error


def _age(since: datetime | None) -> str:
    return "unknown" if since is None else str(timezone.now() - since).split(".")[0]
