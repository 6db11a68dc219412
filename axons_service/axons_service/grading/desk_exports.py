"""All submissions of an exercise as a table or a zip, written into the store while they are read. No names: those are
the LMS's, which puts them in when a grader fetches the table.
"""

import csv
import io
import json
import re
import zipfile
from collections.abc import Callable, Iterator
from typing import Any

from axons_service.grading import selectors
from axons_service.grading.models import DeskTask, Submission
from axons_service.grading.serializers import submission_output
from axons_service.storage.multipart import MultipartWriter

BATCH = 200
COLUMNS = (
    "learner",
    "submission",
    "handed_in",
    "state",
    "metric",
    "value",
    "automatic_score",
    "rubric_score",
    "override_score",
    "score",
    "returned_at",
    "reviews",
    "last_comment",
)
# what spreadsheets take for the beginning of a formula, also in full width (OWASP, "CSV Injection"); in many countries
# a cell ends at a semicolon
FORMULA = re.compile("(^|[;\t])(?= *[=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20])")


def safe_cell(value: object) -> object:
    """A text that no spreadsheet runs: an apostrophe before what would be taken for a formula; numbers as they are."""
    return FORMULA.sub(r"\1'", value) if isinstance(value, str) else value


def export_write(task: DeskTask, progress: Callable[[int], None]) -> int:
    """Write the task's table or zip from the beginning; how many bytes. `progress` raises when it is to stop."""
    from axons_service.grading.desk_tasks import TYPES, task_key

    kind = DeskTask.Kind(task.kind)
    with MultipartWriter(task_key(task), TYPES[kind]) as target:
        if kind == DeskTask.Kind.CSV:
            for done, chunk in _table(task):
                target.write(chunk)
                progress(done)
        else:
            _zip(target, task, progress)
    return target.written


def row_of(submission: Submission) -> list[object]:
    """One line of the table."""
    reviews = list(submission.reviews.all())
    comments = [review.comment for review in reviews if review.comment]
    values = [
        submission.project.learner,
        str(submission.pk),
        submission.created_at.isoformat(),
        submission.state,
        submission.metric,
        submission.value,
        submission.automatic_score,
        submission.rubric_score,
        submission.override_score,
        submission.final_score,
        submission.returned_at.isoformat() if submission.returned_at else "",
        len(reviews),
        comments[-1] if comments else "",
    ]
    return [safe_cell("" if value is None else value) for value in values]


def _table(task: DeskTask) -> Iterator[tuple[int, bytes]]:
    """The table in pieces, each with the number of submissions gone through. UTF-8 with a mark, as Excel wants it."""
    yield 0, "\ufeff".encode() + _lines([list(COLUMNS)])
    done = 0
    for batch in _batches(task):
        done += len(batch)
        yield done, _lines(row_of(each) for each in batch)


def _zip(target: Any, task: DeskTask, progress: Callable[[int], None]) -> None:
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("submissions.csv", b"".join(chunk for _, chunk in _table(task)))
        done = 0
        for batch in _batches(task):
            for each in batch:
                shown = submission_output(each, is_staff=True)
                body = {**shown, "spec_hash": each.spec.hash, "metrics": each.metrics}
                name = f"submissions/{each.project.learner}/{each.pk}.json"
                archive.writestr(name, json.dumps(body, indent=1, ensure_ascii=False, sort_keys=True))
            done += len(batch)
            progress(done)


def _batches(task: DeskTask) -> Iterator[list[Submission]]:
    rows = selectors.submissions().filter(project__exercise=task.exercise, created_at__lte=task.before)
    last = None
    while True:
        batch = list((rows if last is None else rows.filter(pk__gt=last)).order_by("pk")[:BATCH])
        if not batch:
            return
        yield batch
        last = batch[-1].pk


def _lines(rows: Any) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()
