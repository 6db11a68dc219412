"""A job can be followed through the logs by its id, and nobody else can."""

import json
import logging
import sys
from typing import Any
from uuid import uuid4

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory

from axons_service.jobs.failures import FailureClass
from axons_service.jobs.services import attempt_fail, job_cancel
from axons_service.jobs.tasks import dispatch_job
from axons_service.operations.logs import JsonFormatter, LineFormatter, job_context
from tests.service.jobs.conftest import World

JOB = "0b5cf2a4-8ad5-4a51-9d77-0c1d2e3f4a5b"


def record(message: str, *args: Any, **more: Any) -> logging.LogRecord:
    return logging.LogRecord("axons_service.x", logging.WARNING, "x.py", 1, message, args, more.get("exc_info"))


def line(message: str, *args: Any, **more: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(JsonFormatter().format(record(message, *args, **more)))
    return found


def test_a_line_about_a_job_has_its_id_in_a_field_of_its_own() -> None:
    found = line("job %s attempt %s: lost", JOB, 2)
    assert (found["job"], found["level"], found["message"]) == (JOB, "WARNING", f"job {JOB} attempt 2: lost")
    assert found["time"].endswith("+00:00")
    assert "job" not in line("swept nothing")


def test_a_fault_is_one_line_with_its_traceback() -> None:
    try:
        raise KeyError("lost")
    except KeyError:
        text = JsonFormatter().format(record("broken\nin two", exc_info=sys.exc_info()))
    assert "\n" not in text
    assert "KeyError: 'lost'" in json.loads(text)["exception"]


def test_what_a_request_about_a_job_logs_is_about_that_job(rf: RequestFactory) -> None:
    seen: list[Any] = []

    def view(request: HttpRequest) -> HttpResponse:
        seen.append(line("the store does not answer").get("job"))
        seen.append(LineFormatter("%(message)s").format(record("the store does not answer")))
        return HttpResponse()

    ask = job_context(view)
    ask(rf.post(f"/runner/v1/jobs/{JOB}/events"))
    ask(rf.get("/api/v1/jobs"))
    assert seen == [JOB, f"the store does not answer [job {JOB}]", None, "the store does not answer"]
    assert "job" not in line("afterwards")


def test_a_task_about_a_job_logs_about_that_job(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []
    monkeypatch.setattr("axons_service.jobs.tasks.job_dispatch", lambda job_id: seen.append(line("slow").get("job")))
    dispatch_job.apply(args=[JOB])
    assert seen == [JOB]
    assert "job" not in line("afterwards")


def test_every_step_of_a_job_is_a_line_with_its_id_and_without_its_learner(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="axons_service")
    world.project.learner = "anna-the-learner"
    world.project.save(update_fields=["learner"])
    job = world.training(key="a-secret-key")
    claim = world.claim()
    assert claim is not None
    attempt_fail(
        job_id=job.pk, number=1, failure_class=FailureClass.INVALID_INPUT, message="The picture cat.jpg is broken."
    )
    job_cancel(job_id=world.training(dispatch=False).pk)
    lines = [json.loads(JsonFormatter().format(each)) for each in caplog.records]
    steps = [each["message"].split(": ", 1)[1] for each in lines if each.get("job") == str(job.pk)]
    assert steps[0].startswith("training of project")
    assert steps[1:] == [
        "queued → dispatched",
        "dispatched → preparing",
        "invalid_input",
        "preparing → failed (invalid_input)",
    ]
    assert any("queued → cancelled" in each["message"] for each in lines)
    for secret in ("anna-the-learner", "a-secret-key", claim.token, "cat.jpg"):
        assert secret not in json.dumps(lines)


def test_an_unknown_id_is_no_job() -> None:
    assert line("job %s", "42").get("job") is None
    assert line("job %s", uuid4()).get("job")
