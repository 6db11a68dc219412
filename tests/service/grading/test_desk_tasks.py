"""Regrading and exports: shown first, done in the background, resumed after a kill, stopped when asked."""

import csv
import io
import json
import zipfile
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from axons_service.exercises.specs import spec_hash
from axons_service.grading import desk_tasks, regrades
from axons_service.grading.desk_exports import safe_cell
from axons_service.grading.models import AuditEntry, DeskTask, GradeDelivery, Submission
from axons_service.storage import objects
from tests.service import builders
from tests.service.builders import Caller, Lms
from tests.service.grading.test_desk import hand_in, review, rubric_spec

pytestmark = pytest.mark.django_db
STRICTER = builders.spec(grading={"metric": "accuracy", "thresholds": [{"at_least": 0.95, "score": 1.0}]})
REASON = "The thresholds were too low."


@pytest.fixture
def handed_in(course: Lms, grader: Caller) -> list[str]:
    """Three learners' scored submissions, and a grader whose page knows the stricter spec."""
    made = []
    for name, accuracy in (("anna", 0.97), ("ben", 0.92), ("cleo", 0.2)):
        one = Caller(course, learner=name)
        one.open()
        made.append(hand_in(one, accuracy))
    grader.open(STRICTER)
    return made


def regrade(grader: Caller, key: str = "t", **more: Any) -> Any:
    body = {"kind": "regrade", "spec_hash": spec_hash(STRICTER), "reason": REASON, **more}
    return grader.post("/desk/tasks", body, key=key)


def scores() -> list[float | None]:
    return list(Submission.objects.order_by("created_at").values_list("final_score", flat=True))


def run(task: str) -> bool:
    from uuid import UUID

    return desk_tasks.task_run(task_id=UUID(task))


def test_a_dry_run_shows_the_changes_and_makes_none(handed_in: list[str], grader: Caller) -> None:
    body = {"spec_hash": spec_hash(STRICTER)}
    shown = grader.post("/desk/regrade-preview", body).json()
    assert (shown["total"], shown["changed"], shown["raised"], shown["lowered"]) == (3, 1, 0, 1)
    assert shown["changes"] == [{"submission": handed_in[1], "learner": "ben", "before": 1.0, "after": 0.0}]
    assert scores() == [1.0, 1.0, 0.0]
    assert not AuditEntry.objects.exists()
    one = grader.post("/desk/regrade-preview", {**body, "submission": handed_in[0]}).json()
    assert (one["total"], one["changed"]) == (1, 0)
    unknown = grader.post("/desk/regrade-preview", {"spec_hash": "0" * 64})
    assert (unknown.status_code, unknown.json()["code"]) == (422, "spec_unknown")


def test_a_regrade_does_what_was_shown(handed_in: list[str], grader: Caller) -> None:
    task = regrade(grader).json()
    assert (task["state"], task["total"]) == ("running", 3)
    assert run(task["id"])
    after = grader.get(f"/desk/tasks/{task['id']}").json()
    assert (after["state"], after["done"], after["changed"]) == ("done", 3, 1)
    assert scores() == [1.0, 0.0, 0.0]
    entry = AuditEntry.objects.get(action="regrade", submission=handed_in[1])
    assert (entry.before["score"], entry.after["score"], entry.reason, entry.actor) == (1.0, 0.0, REASON, "greta")
    assert [each.reason for each in GradeDelivery.objects.filter(state="due", reason="regrade")] == ["regrade"]
    assert grader.post("/desk/regrade-preview", {"spec_hash": spec_hash(STRICTER)}).json()["changed"] == 0


def test_one_submission_can_be_regraded_alone(handed_in: list[str], grader: Caller) -> None:
    run(regrade(grader, submission=handed_in[0]).json()["id"])
    assert scores() == [1.0, 1.0, 0.0]
    run(regrade(grader, key="t2", submission=handed_in[1]).json()["id"])
    assert scores() == [1.0, 0.0, 0.0]


def test_an_override_and_another_hidden_test_set_stay(handed_in: list[str], grader: Caller) -> None:
    review(grader, handed_in[1], {"score": 0.8, "reason": "r"})
    Submission.objects.filter(pk=handed_in[0]).update(metric="f1")
    run(regrade(grader).json()["id"])
    assert scores() == [1.0, 0.8, 0.0]


def test_a_new_rubric_asks_for_new_points(course: Lms, anna: Caller, grader: Caller) -> None:
    anna.open()
    submission = hand_in(anna)
    grader.open(rubric_spec())
    task = regrade(grader, spec_hash=spec_hash(rubric_spec())).json()
    run(task["id"])
    assert grader.get(f"/submissions/{submission}").json()["needs_review"] is True


def test_it_needs_a_reason_and_runs_once_at_a_time(handed_in: list[str], grader: Caller) -> None:
    assert regrade(grader, reason=" ").json()["code"] == "reason_missing"
    first = regrade(grader)
    assert regrade(grader).json()["id"] == first.json()["id"]
    other = regrade(grader, key="other")
    assert (other.status_code, other.json()["code"]) == (409, "regrade_running")
    run(first.json()["id"])
    assert regrade(grader, key="other").status_code == 202


def test_a_killed_worker_costs_nothing_but_time(
    handed_in: list[str], grader: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk_tasks, "BATCH", 1)
    task = regrade(grader).json()["id"]
    real, calls = regrades.submission_regrade, []

    def killed(**values: Any) -> bool:
        calls.append(values)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return real(**values)

    monkeypatch.setattr(regrades, "submission_regrade", killed)
    with pytest.raises(KeyboardInterrupt):
        run(task)
    assert DeskTask.objects.get(pk=task).done == 1
    assert not run(task), "a living worker would still have it"
    DeskTask.objects.update(beat_at=timezone.now() - timedelta(seconds=61))
    assert desk_tasks.desk_tasks_rescue() == 1
    assert run(task)
    assert DeskTask.objects.get(pk=task).done == 3
    assert scores() == [1.0, 0.0, 0.0]
    assert AuditEntry.objects.filter(action="regrade").count() == 3
    assert len({call["submission"].pk for call in calls}) == 3


def test_what_never_gets_on_is_given_up(handed_in: list[str], grader: Caller) -> None:
    task = regrade(grader).json()["id"]
    DeskTask.objects.update(tries=3, beat_at=timezone.now() - timedelta(seconds=61))
    desk_tasks.desk_tasks_rescue()
    after = grader.get(f"/desk/tasks/{task}").json()
    assert (after["state"], after["message"]) == ("failed", desk_tasks.OUR_FAULT)


def test_a_stopped_regrade_takes_no_further_step(
    handed_in: list[str], grader: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk_tasks, "BATCH", 1)
    task = regrade(grader).json()["id"]
    real, calls = regrades.submission_regrade, []

    def stopped_meanwhile(**values: Any) -> bool:
        calls.append(values)
        if len(calls) == 2:
            DeskTask.objects.update(state=DeskTask.State.STOPPED)
        return real(**values)

    monkeypatch.setattr(regrades, "submission_regrade", stopped_meanwhile)
    assert not run(task)
    assert (DeskTask.objects.get(pk=task).done, len(calls)) == (1, 2)
    assert AuditEntry.objects.filter(action="regrade").count() == 1


def test_stopping_is_asked_for_once(handed_in: list[str], grader: Caller) -> None:
    task = regrade(grader).json()["id"]
    assert grader.post(f"/desk/tasks/{task}/stop").json()["state"] == "stopped"
    assert grader.post(f"/desk/tasks/{task}/stop").json()["code"] == "task_over"
    assert not run(task)
    assert scores() == [1.0, 1.0, 0.0]


def test_a_long_regrade_lets_others_have_their_turn(handed_in: list[str], grader: Caller) -> None:
    from uuid import UUID

    task = regrade(grader).json()["id"]
    assert not desk_tasks.task_run(task_id=UUID(task), deadline=lambda: True)
    row = DeskTask.objects.get(pk=task)
    assert (row.state, row.beat_at) == ("running", None)
    assert run(task)


def test_the_table_has_no_names_and_no_formulas(store: Any, handed_in: list[str], grader: Caller) -> None:
    review(grader, handed_in[0], {"comment": '=HYPERLINK("http://evil.example.org")'})
    task = grader.post("/desk/tasks", {"kind": "csv"}, key="c").json()["id"]
    assert run(task)
    done = grader.get(f"/desk/tasks/{task}").json()
    assert (done["state"], done["done"]) == ("done", 3)
    assert done["url"]
    data = objects.get_bytes(desk_tasks.task_key(DeskTask.objects.get(pk=task)))
    assert data.startswith("\ufeff".encode())
    rows = list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"))))
    assert {row["learner"] for row in rows} == {"anna", "ben", "cleo"}
    comments = {row["last_comment"] for row in rows}
    assert comments == {"", '\'=HYPERLINK("http://evil.example.org")'}


def test_the_zip_holds_the_table_and_each_submission(store: Any, handed_in: list[str], grader: Caller) -> None:
    task = grader.post("/desk/tasks", {"kind": "zip"}, key="z").json()["id"]
    assert run(task)
    data = objects.get_bytes(desk_tasks.task_key(DeskTask.objects.get(pk=task)))
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert len(archive.namelist()) == 4
        one = json.loads(archive.read(f"submissions/anna/{handed_in[0]}.json"))
    assert (one["score"], one["metrics"]["accuracy"]) == (1.0, 0.97)


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx", " =1", "\uff1d1"])
def test_a_cell_that_a_spreadsheet_would_run_is_a_text(text: str) -> None:
    assert safe_cell(text) == f"'{text}"
    assert safe_cell(f"x;{text}") == f"x;'{text}", "a cell ends at a semicolon in many countries"


def test_other_cells_are_left_alone() -> None:
    assert [safe_cell(each) for each in ("Anna", "", "a=b; c", -0.5, 3)] == ["Anna", "", "a=b; c", -0.5, 3]


def test_tasks_are_for_staff_of_this_exercise_alone(
    course: Lms, handed_in: list[str], anna: Caller, grader: Caller
) -> None:
    task = regrade(grader).json()["id"]
    stranger = Caller(builders.lms("other-campus"), learner="greta", role="grader")
    assert anna.post("/desk/tasks", {"kind": "csv"}, key="x").status_code == 403
    assert anna.get("/desk/tasks").status_code == 403
    assert anna.get(f"/desk/tasks/{task}").status_code == 403
    assert stranger.get(f"/desk/tasks/{task}").status_code == 404
    assert stranger.post(f"/desk/tasks/{task}/stop").status_code == 404
    assert stranger.get("/desk/tasks").json()["results"] == []
    assert [each["id"] for each in grader.get("/desk/tasks").json()["results"]] == [task]


def test_a_link_opens_the_page_once_for_who_asked(
    course: Lms, handed_in: list[str], anna: Caller, grader: Caller
) -> None:
    token = grader.post("/desk/links").json()["token"]
    other = Caller(course, learner="gustav", role="grader")
    assert anna.post("/desk/links/redeem", {"token": token}).status_code == 403
    assert other.post("/desk/links/redeem", {"token": token}).json()["code"] == "link_spent"
    assert grader.post("/desk/links/redeem", {"token": token}).status_code == 200
    again = grader.post("/desk/links/redeem", {"token": token})
    assert (again.status_code, again.json()["code"]) == (410, "link_spent")


def test_a_link_ends_after_two_minutes(handed_in: list[str], grader: Caller) -> None:
    from axons_service.grading.models import DeskLink

    token = grader.post("/desk/links").json()["token"]
    DeskLink.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert grader.post("/desk/links/redeem", {"token": token}).status_code == 410
