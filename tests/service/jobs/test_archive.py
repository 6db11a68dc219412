"""Finished jobs move to the object store, and nobody who reads them notices; logs, and who may read them."""

import gzip
import json
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from axons_service.jobs import archive
from axons_service.jobs.archive import decode, encode, log_text
from axons_service.jobs.history import events_after
from axons_service.jobs.models import Archive, Event, Job
from axons_service.jobs.services import Claim, job_archive, jobs_archive
from axons_service.jobs.tasks import archive_jobs
from axons_service.storage import keys, objects
from tests.service.builders import Caller, lms
from tests.service.jobs.conftest import World, metrics, progress

with_store = pytest.mark.needs_s3


def finished(world: World, *, ago: float = 7200, log: str = "epoch 1\nepoch 2\n") -> Job:
    """A training that reported and ended `ago` seconds before now."""
    claim = world.running()
    world.report(claim, 2, metrics(2, loss=0.5), metrics(2, split="validation"), progress("training"), log=log)
    world.finish(claim, "failed")
    return aged(claim.job, ago)


def evaluated(world: World) -> Claim:
    world.evaluation()
    claim = world.claimed()
    world.report(claim, 1, progress("evaluating"), metrics(1), log="the hidden cat 17.jpg was taken for a dog\n")
    return claim


def aged(job: Job, ago: float) -> Job:
    Job.objects.filter(pk=job.pk).update(state="failed", finished_at=timezone.now() - timedelta(seconds=ago))
    return Job.objects.select_related("project__exercise").get(pk=job.pk)


@pytest.fixture
def stored(world: World, store: Any) -> World:
    """The world with a real object store."""
    return world


@pytest.fixture
def away(monkeypatch: pytest.MonkeyPatch) -> None:
    """A store that refuses connections at once."""
    from botocore.exceptions import EndpointConnectionError

    def refuse(*args: Any, **kwargs: Any) -> Any:
        raise EndpointConnectionError(endpoint_url="http://127.0.0.1:1")

    monkeypatch.setattr(objects, "get_bytes", refuse)
    monkeypatch.setattr(objects, "put_bytes", refuse)


@with_store
def test_readers_see_the_same_before_and_after_the_move(stored: World, anna: Caller) -> None:
    job = finished(stored)
    project = job.project_id

    def seen() -> list[Any]:
        return [
            events_after(project, 0, 500),
            anna.get(f"/projects/{project}/events?after=0").json(),
            anna.get(f"/jobs/{job.pk}/metrics").json(),
            anna.get(f"/jobs/{job.pk}/log").content,
        ]

    before = seen()
    rows = Event.objects.filter(job=job).count()
    assert jobs_archive() == 1
    left = Event.objects.filter(job=job)
    assert left.count() < rows
    assert set(left.values_list("kind", flat=True)) == {"state"}
    assert seen() == before
    assert len(before[0]) == rows
    assert b"epoch 2" in before[3]


@with_store
def test_a_page_of_archived_events_goes_on_where_the_last_one_ended(stored: World) -> None:
    first = finished(stored)
    second = finished(stored)
    everything = events_after(first.project_id, 0, 500)
    assert jobs_archive() == 2
    third = stored.training()  # fresh rows beside two archives
    everything += events_after(third.project_id, everything[-1]["id"], 500)
    collected: list[dict[str, Any]] = []
    while page := events_after(second.project_id, collected[-1]["id"] if collected else 0, 3):
        assert len(page) <= 3
        collected += page
    assert collected == everything


@with_store
def test_the_objects_are_a_json_sequence_and_a_text(stored: World) -> None:
    job = finished(stored)
    archive_jobs()
    sequence = gzip.decompress(objects.get_bytes(keys.job_events_key(job)))
    assert sequence.startswith(b'\x1e{"id":')
    assert sequence.count(b"\x1e") == Archive.objects.get(job=job).job.event_seq
    assert objects.get_bytes(keys.job_log_key(job)) == b"== attempt 1 ==\nepoch 1\nepoch 2\n"


@with_store
def test_only_what_finished_long_ago_moves_and_only_once(stored: World) -> None:
    fresh = finished(stored, ago=60)
    stored.training()
    assert jobs_archive() == 0
    aged(fresh, 7200)
    assert jobs_archive() == 1
    assert jobs_archive() == 0
    assert job_archive(job_id=fresh.pk) is False
    assert Archive.objects.count() == 1


@with_store
def test_a_crash_between_store_and_database_is_mended_by_the_next_turn(
    stored: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = finished(stored)
    before = events_after(job.project_id, 0, 500)
    with monkeypatch.context() as patch:
        patch.setattr(Archive.objects, "create", lambda **values: (_ for _ in ()).throw(RuntimeError("killed")))
        assert jobs_archive() == 0
    assert events_after(job.project_id, 0, 500) == before
    assert jobs_archive() == 1
    assert events_after(job.project_id, 0, 500) == before


@with_store
def test_an_event_written_during_the_move_is_not_lost(stored: World, monkeypatch: pytest.MonkeyPatch) -> None:
    job = finished(stored)
    put = objects.put_bytes

    def meanwhile(*args: Any) -> None:
        put(*args)
        if not Event.objects.filter(job=job, seq=999).exists():
            Event.objects.create(project_id=job.project_id, job=job, seq=999, kind="log", data={"text": "late"})

    monkeypatch.setattr(objects, "put_bytes", meanwhile)
    assert jobs_archive() == 0
    assert jobs_archive() == 1
    assert events_after(job.project_id, 0, 500)[-1]["data"] == {"text": "late"}


def test_without_the_store_nothing_moves_and_nothing_is_deleted(world: World, away: None) -> None:
    job = finished(world)
    rows = Event.objects.filter(job=job).count()
    assert jobs_archive() == 0
    assert Event.objects.filter(job=job).count() == rows
    assert not Archive.objects.exists()


@with_store
@pytest.mark.parametrize("path", ["/jobs/{job}/log", "/jobs/{job}/metrics", "/projects/{project}/events?after=0"])
def test_when_the_store_is_away_the_answer_says_so(stored: World, anna: Caller, path: str, request: Any) -> None:
    job = finished(stored)
    jobs_archive()
    request.getfixturevalue("away")
    answer = anna.get(path.format(job=job.pk, project=job.project_id))
    assert (answer.status_code, answer["Content-Type"]) == (503, "application/problem+json")
    assert answer.json()["code"] == "store_unavailable"
    assert "try again" in answer.json()["detail"]


def test_a_running_jobs_log_needs_no_store(world: World, anna: Caller, away: None) -> None:
    claim = world.running()
    world.report(claim, 2, log="epoch 1\n")
    answer = anna.get(f"/jobs/{claim.job.pk}/log")
    assert answer.status_code == 200
    assert answer["Content-Type"] == "text/plain; charset=utf-8"
    assert answer["Content-Disposition"] == f'attachment; filename="job-{claim.job.pk}.log"'
    assert answer.content == b"== attempt 1 ==\nepoch 1\n"


def test_a_log_is_its_learners_and_their_staffs(world: World, anna: Caller, ben: Caller, grader: Caller) -> None:
    job = finished(world)
    other_lms = Caller(lms("other"))
    for leaf in ("log", "metrics"):
        assert anna.get(f"/jobs/{job.pk}/{leaf}").status_code == 200
        assert grader.get(f"/jobs/{job.pk}/{leaf}").status_code == 200
        assert ben.get(f"/jobs/{job.pk}/{leaf}").status_code == 404
        assert other_lms.get(f"/jobs/{job.pk}/{leaf}").status_code == 404


def test_what_an_evaluation_logs_is_for_staff_alone(world: World, anna: Caller, grader: Caller) -> None:
    job = evaluated(world).job
    for leaf in ("log", "metrics"):
        refused = anna.get(f"/jobs/{job.pk}/{leaf}")
        assert (refused.status_code, refused.json()["code"]) == (403, "staff_only")
    assert b"17.jpg" in grader.get(f"/jobs/{job.pk}/log").content
    assert len(grader.get(f"/jobs/{job.pk}/metrics").json()["train"]) == 1
    assert anna.get(f"/jobs/{job.pk}").json()["metrics"] is None


@with_store
def test_an_evaluations_log_is_in_no_page_of_events_archived_or_not(stored: World, anna: Caller) -> None:
    claim = evaluated(stored)

    def kinds() -> set[str]:
        events = anna.get(f"/projects/{stored.project.pk}/events?after=0").json()["events"]
        return {event["kind"] for event in events if event["job"] == str(claim.job.pk)}

    assert kinds() == {"state", "progress"}
    aged(claim.job, 7200)
    assert jobs_archive() == 1
    assert kinds() == {"state", "progress"}


@pytest.mark.parametrize("points", ["2", "501", "-1", "many", "", "1e2"])
def test_points_have_bounds(world: World, anna: Caller, points: str) -> None:
    job = finished(world)
    answer = anna.get(f"/jobs/{job.pk}/metrics?points={points}")
    if points == "":
        assert answer.status_code == 200
    else:
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")


def test_a_curve_has_as_many_points_as_asked_for(world: World, anna: Caller) -> None:
    claim = world.running()
    world.report(claim, 2, *[metrics(step, loss=1 / step) for step in range(2, 200)])
    curve = anna.get(f"/jobs/{claim.job.pk}/metrics?points=20").json()["train"]
    assert len(curve) == 20
    assert (curve[0]["step"], curve[-1]["step"]) == (1, 199)


def test_a_long_log_keeps_its_newest_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "LOG_BYTES", 50)
    records = [{"kind": "log", "attempt": 1, "data": {"text": f"Zeile äöü {number}"}} for number in range(100)]
    text = log_text(records)
    assert text.startswith("…")
    assert text.endswith("Zeile äöü 99\n")
    assert text.splitlines()[1].startswith("Zeile")


def test_a_log_names_its_attempts() -> None:
    records = [{"kind": "log", "attempt": attempt, "data": {"text": "hello"}} for attempt in (1, 1, 3)]
    assert log_text(records) == "== attempt 1 ==\nhello\nhello\n== attempt 3 ==\nhello\n"


@given(records=st.lists(st.fixed_dictionaries({"id": st.integers(), "data": st.text(max_size=20)}), max_size=4))
@hypothesis_settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_sequence_gives_back_what_went_in(records: list[dict[str, Any]]) -> None:
    assert decode(encode(records)) == records
    assert encode(records) == encode(records)


def test_what_is_no_sequence_is_refused() -> None:
    with pytest.raises(gzip.BadGzipFile):
        decode(b"no gzip")
    with pytest.raises(json.JSONDecodeError):
        decode(gzip.compress(b"\x1e{broken"))
