"""Inference on many pictures: what is taken, who may claim it, what it leaves, and how it is fetched."""

import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.utils import timezone

from axons_service.jobs.assignments import assignment
from axons_service.jobs.batches import MAX_PICTURES, batch_counts
from axons_service.jobs.failures import FailureClass
from axons_service.jobs.measurements import run_times
from axons_service.jobs.models import Job, PredictionBatch
from axons_service.jobs.services import Claim, attempt_fail, job_claim, job_dispatch
from axons_service.operations.problems import Problem
from axons_service.operations.retention.quotas import used_bytes
from axons_service.operations.retention.references import project_references
from axons_service.storage import objects
from axons_service.training_sets.models import Upload
from axons_service.training_sets.services import uploads_sweep
from axons_service.training_sets.uploads import MAX_BATCH_BYTES, uploads_discard
from tests.service import builders
from tests.service.builders import Caller
from tests.service.jobs.conftest import World
from tests.service.jobs.test_masks import masked, masked_model  # noqa: F401

pytestmark = pytest.mark.django_db

COUNTS = {"pictures": 3, "predicted": 2, "refused": 1, "classes": {"cat": 2}}
RESULT = {"batch": COUNTS, "seconds": 0.4}


@pytest.fixture
def anna(world: World) -> Caller:
    return Caller(world.lms)


@pytest.fixture(autouse=True)
def store(world: World, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was deleted from the store; `heads` looks into the world's dictionary."""
    deleted: list[str] = []
    monkeypatch.setattr(objects, "heads", lambda keys: {key: objects.head(key) for key in keys})
    monkeypatch.setattr(objects, "delete", lambda keys, **_: deleted.extend(keys))
    return deleted


def uploaded(world: World, name: str = "a.jpg", *, purpose: str = "prediction", **values: Any) -> Upload:
    fresh = {"arrived_at": timezone.now(), "bytes": 3, "key": f"tmp/{uuid.uuid4().hex}", **values}
    made = Upload.objects.create(project=world.project, purpose=purpose, name=name, content_type="x/y", **fresh)
    world.objects[made.key] = made.bytes
    return made


def ordered(anna: Caller, world: World, **inputs: Any) -> Any:
    model = inputs.pop("model", None) or builders.model(world.project)
    return anna.post("/jobs", {"kind": "inference", "model": str(model.pk), **inputs}, key=uuid.uuid4().hex)


def batch(anna: Caller, world: World) -> Claim:
    """A claimed batch of a zip."""
    upload = uploaded(world, "holiday.zip", purpose="prediction_archive")
    assert ordered(anna, world, archive=str(upload.pk)).status_code == 201
    return claimed(world)


def claimed(world: World) -> Claim:
    """A job of the world, dispatched by hand, in the hands of a runner that knows batches."""
    for job in Job.objects.filter(state="queued"):
        job_dispatch(job_id=job.pk)
    claim = job_claim(runner=world.runner, slots=["inference"], architectures=[], batches=True)
    assert claim is not None, "there was nothing to claim"
    return claim


def finished(world: World, claim: Claim, **changes: Any) -> Job:
    files = changes.pop("files", None) or [world.stored(claim, "predictions.csv", size=120)]
    return world.finish(claim, files=files, **{"result": RESULT, **changes})


def test_pictures_and_a_zip_become_one_job_each(world: World, anna: Caller) -> None:
    pictures = [uploaded(world, name) for name in ("b.jpg", "a.jpg")]
    answer = ordered(anna, world, pictures=[str(each.pk) for each in pictures])
    assert answer.status_code == 201, answer.json()
    unknown = {"pictures": None, "predicted": None, "refused": None, "classes": None}
    assert answer.json()["batch"] == {"name": "", "seconds": None, **unknown}
    given = assignment(claimed(world))
    assert given["picture"] is None
    assert [each["name"] for each in given["batch"]["pictures"]] == ["a.jpg", "b.jpg"]
    assert given["batch"]["archive"] is None
    assert given["batch"]["max_pictures"] == MAX_PICTURES

    archive = uploaded(world, "holiday.zip", purpose="prediction_archive", bytes=70)
    assert ordered(anna, world, archive=str(archive.pk)).json()["batch"]["name"] == "holiday.zip"
    given = assignment(claimed(world))["batch"]
    assert (given["archive"]["name"], given["archive"]["bytes"], given["pictures"]) == ("holiday.zip", 70, [])


def test_a_repeated_request_is_the_same_batch(world: World, anna: Caller) -> None:
    body = {
        "kind": "inference",
        "model": str(builders.model(world.project).pk),
        "pictures": [str(uploaded(world).pk)],
    }
    first, again = anna.post("/jobs", body, key="k"), anna.post("/jobs", body, key="k")
    assert first.json()["id"] == again.json()["id"]
    assert PredictionBatch.objects.count() == 1


def test_a_single_picture_is_no_batch(world: World, anna: Caller) -> None:
    answer = ordered(anna, world, upload=str(uploaded(world).pk))
    assert answer.json()["batch"] is None
    given = assignment(claimed(world))
    assert given["batch"] is None
    assert given["picture"]["name"] == "a.jpg"


Refused = Callable[[World], dict[str, Any]]
REFUSED: dict[str, tuple[Refused, int, str]] = {
    "two kinds of input": (
        lambda w: {"upload": str(uploaded(w).pk), "pictures": [str(uploaded(w).pk)]}, 400, "invalid_request"
    ),
    "no picture": (lambda w: {"pictures": []}, 400, "invalid_request"),
    "the same picture twice": (lambda w: {"pictures": [str(uploaded(w).pk)] * 2}, 422, "upload_repeated") ,
    "too many": (lambda w: {"pictures": [str(uuid.uuid4())] * (MAX_PICTURES + 1)}, 422, "too_many_files"),
    "too large together": (
        lambda w: {"pictures": [str(uploaded(w, bytes=MAX_BATCH_BYTES // 2 + 1).pk) for _ in range(2)]},
        422,
        "too_many_bytes",
    ),
    "an upload of nobody": (lambda w: {"pictures": [str(uuid.uuid4())]}, 422, "upload_unknown"),
    "a picture as a zip": (lambda w: {"archive": str(uploaded(w).pk)}, 422, "upload_unknown"),
    "a zip as a picture": (
        lambda w: {"upload": str(uploaded(w, purpose="prediction_archive").pk)}, 422, "upload_unknown"
    ),
    "a training set's zip": (lambda w: {"archive": str(uploaded(w, purpose="archive").pk)}, 422, "upload_unknown"),
    "a zip that has not arrived": (
        lambda w: {"archive": str(absent(w, purpose="prediction_archive").pk)}, 422, "upload_incomplete"
    ),
    "a picture that has not arrived": (lambda w: {"pictures": [str(absent(w).pk)]}, 422, "upload_incomplete"),
}  # fmt: skip


def absent(world: World, **values: Any) -> Upload:
    made = uploaded(world, arrived_at=None, **values)
    del world.objects[made.key]
    return made


@pytest.mark.parametrize("what", sorted(REFUSED))
def test_what_cannot_be_looked_at_is_refused_with_a_sentence(what: str, world: World, anna: Caller) -> None:
    inputs, status, code = REFUSED[what]
    answer = ordered(anna, world, **inputs(world))
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.json()
    assert not Job.objects.filter(kind="inference").exists()
    assert not PredictionBatch.objects.exists()


@pytest.mark.parametrize("field", ["pictures", "archive"])
def test_nobody_uses_anothers_uploads(field: str, world: World) -> None:
    ben = Caller(world.lms, learner="ben")
    project = builders.project(ben)
    upload = uploaded(world, purpose="prediction" if field == "pictures" else "prediction_archive")
    value = [str(upload.pk)] if field == "pictures" else str(upload.pk)
    body = {"kind": "inference", "model": str(builders.model(project).pk), field: value}
    answer = ben.post("/jobs", body, key="k")
    assert (answer.status_code, answer.json()["code"]) == (422, "upload_unknown")


def test_a_full_store_takes_no_batch(world: World, anna: Caller, settings: Any) -> None:
    upload = uploaded(world, "holiday.zip", purpose="prediction_archive", bytes=100)
    settings.AXONS_LEARNER_QUOTA_BYTES = 100
    answer = ordered(anna, world, archive=str(upload.pk))
    assert (answer.status_code, answer.json()["code"]) == (409, "storage_full")


def test_a_zip_to_look_at_is_declared_where_own_pictures_are_off(world: World, anna: Caller) -> None:
    spec = world.project.spec
    spec.body = {**spec.body, "own_pictures": False}
    spec.save()
    size = MAX_BATCH_BYTES
    files = [
        {"name": "in.zip", "bytes": size, "content_type": "application/zip"},
        {"name": "big.zip", "bytes": size + 1, "content_type": "application/zip"},
        {"name": "a.jpg", "bytes": 5, "content_type": "image/jpeg"},
    ]
    answer = anna.post("/uploads", {"purpose": "prediction_archive", "files": files}).json()
    assert [each["name"] for each in answer["uploads"]] == ["in.zip"]
    assert [(each["name"], each["code"]) for each in answer["rejected"]] == [
        ("big.zip", "too_large"),
        ("a.jpg", "unsupported_type"),
    ]
    assert "256 MiB per zip file" in answer["rejected"][0]["reason"]


def test_a_runner_that_knows_no_batches_gets_none(world: World, anna: Caller) -> None:
    upload = uploaded(world, "holiday.zip", purpose="prediction_archive")
    job = ordered(anna, world, archive=str(upload.pk)).json()["id"]
    single = world.inference()
    Job.objects.filter(pk=job).update(created_at=single.created_at - timedelta(minutes=1))
    job_dispatch(job_id=uuid.UUID(job))
    old = job_claim(runner=world.runner, slots=["inference"], architectures=[])
    assert old is not None
    assert old.job == single
    assert job_claim(runner=world.runner, slots=["inference"], architectures=[]) is None
    assert str(claimed(world).job.pk) == job


@pytest.mark.parametrize("kind", ["inference", "evaluation"])
def test_a_runner_gets_only_models_of_networks_it_knows(kind: str, world: World) -> None:
    model = builders.model(world.project)
    job = world.inference(model) if kind == "inference" else world.evaluation()
    assert job.model is not None
    job.model.architecture = "lraspp_lite0"
    job.model.save()
    assert world.claim(architectures=["small_cnn", "efficientnet_lite0"]) is None
    claim = world.claim(architectures=["small_cnn", "lraspp_lite0"])
    assert claim is not None
    assert claim.job == job


def test_it_leaves_a_table_and_the_pictures_make_room(
    world: World, anna: Caller, store: list[str], django_capture_on_commit_callbacks: Any
) -> None:
    claim = batch(anna, world)
    assert used_bytes(project=world.project) == 3
    key = claim.job.upload.key if claim.job.upload is not None else ""
    with django_capture_on_commit_callbacks(execute=True):
        job = finished(world, claim)
    assert job.state == "succeeded"
    job.refresh_from_db()
    made = PredictionBatch.objects.get(job=job)
    assert (made.counts, made.seconds, job.stored_bytes) == (COUNTS, 0.4, 120)
    assert store == [key]
    assert not Upload.objects.exists()
    assert used_bytes(project=world.project) == 120
    shown = anna.get(f"/jobs/{job.pk}").json()
    assert shown["batch"] == {"name": "holiday.zip", "seconds": 0.4, **COUNTS}
    assert shown["prediction"] is None
    assert made.files[0]["key"] in project_references(world.project.pk, {"own-manifest": frozenset()}).files


def test_its_files_have_short_links(world: World, anna: Caller) -> None:
    claim = batch(anna, world)
    early = anna.get(f"/jobs/{claim.job.pk}/batch")
    assert (early.status_code, early.json()["code"]) == (409, "batch_unfinished")
    finished(world, claim)
    (file,) = anna.get(f"/jobs/{claim.job.pk}/batch").json()["files"]
    assert (file["name"], file["bytes"], file["expires_in"]) == ("predictions.csv", 120, 300)
    query = parse_qs(urlsplit(file["url"]).query)
    assert query["X-Amz-Expires"] == ["300"]
    assert query["response-content-disposition"] == ['attachment; filename="predictions.csv"']


def test_its_files_are_for_those_who_may_see_the_project(world: World, anna: Caller) -> None:
    claim = batch(anna, world)
    finished(world, claim)
    path = f"/jobs/{claim.job.pk}/batch"
    assert Caller(world.lms, learner="ben").get(path).status_code == 404
    assert Caller(world.lms, learner="greta", role="grader").get(path).status_code == 200
    single = world.inference()
    none = anna.get(f"/jobs/{single.pk}/batch")
    assert (none.status_code, none.json()["code"]) == (404, "no_batch")


WRONG: dict[str, Any] = {
    "nothing": {},
    "no seconds": {"batch": COUNTS},
    "seconds of a text": {"batch": COUNTS, "seconds": "1"},
    "a prediction": {"probabilities": [{"label": "cat", "probability": 1.0}], "seconds": 1},
    "an unknown class": {"batch": {**COUNTS, "classes": {"cow": 2}}, "seconds": 1},
    "a sum that is wrong": {"batch": {**COUNTS, "refused": 2}, "seconds": 1},
    "classes that are no counts": {"batch": {**COUNTS, "classes": {"cat": 2.0}}, "seconds": 1},
    "truths": {"batch": {"pictures": True, "predicted": True, "refused": False, "classes": {"cat": 1}}, "seconds": 1},
    "less than nothing": {"batch": {**COUNTS, "predicted": 4, "refused": -1, "classes": {"cat": 4}}, "seconds": 1},
    "too many": {"batch": {"pictures": 501, "predicted": 501, "refused": 0, "classes": {"cat": 501}}, "seconds": 1},
}


@pytest.mark.parametrize("what", sorted(WRONG))
def test_a_summary_that_does_not_add_up_is_refused(what: str, world: World, anna: Caller) -> None:
    claim = batch(anna, world)
    with pytest.raises(Problem) as refused:
        finished(world, claim, result=WRONG[what])
    assert refused.value.problem_code == "result_incomplete"
    assert PredictionBatch.objects.get().counts == {}


def test_a_batch_of_no_pictures_adds_up() -> None:
    none = {"pictures": 0, "predicted": 0, "refused": 0, "classes": {}}
    assert batch_counts({"batch": none}, ["cat"]) == none


def test_a_table_is_needed_and_for_masks_a_zip(world: World, anna: Caller) -> None:
    claim = batch(anna, world)
    with pytest.raises(Problem) as refused:
        finished(world, claim, files=[world.stored(claim, "picture.jpg")])
    assert (refused.value.problem_code, "predictions.csv" in str(refused.value.detail)) == ("file_missing", True)


def test_masks_leave_a_zip_too(masked: World) -> None:  # noqa: F811
    anna = Caller(masked.lms)
    upload = uploaded(masked, "street.zip", purpose="prediction_archive")
    model = masked_model(masked)
    assert ordered(anna, masked, model=model, archive=str(upload.pk)).status_code == 201
    claim = claimed(masked)
    counts = {"pictures": 2, "predicted": 2, "refused": 0, "classes": {model.classes[0]: 2}}
    result = {"batch": counts, "seconds": 1}
    with pytest.raises(Problem) as refused:
        finished(masked, claim, result=result)
    assert refused.value.problem_code == "file_missing"
    both = [masked.stored(claim, name) for name in ("predictions.csv", "masks.zip")]
    assert finished(masked, claim, files=both, result=result).state == "succeeded"
    assert [file["name"] for file in anna.get(f"/jobs/{claim.job.pk}/batch").json()["files"]] == [
        "predictions.csv",
        "masks.zip",
    ]


def test_the_pictures_stay_while_the_batch_lives_and_a_day_after_it_failed(world: World, anna: Caller) -> None:
    pictures = [uploaded(world, name) for name in ("a.jpg", "b.jpg")]
    Upload.objects.update(created_at=timezone.now() - timedelta(days=2))
    ordered(anna, world, pictures=[str(each.pk) for each in pictures])
    assert uploads_sweep() == 0
    assert uploads_discard(project=world.project, ids=[each.pk for each in pictures]) == 0
    claim = claimed(world)
    attempt_fail(
        job_id=claim.job.pk, number=1, failure_class=FailureClass.INVALID_INPUT, message="No picture could be read."
    )
    assert uploads_sweep() == 2
    assert PredictionBatch.objects.get().pictures.count() == 0


def test_pictures_that_another_job_still_needs_stay(world: World, anna: Caller) -> None:
    both, one = uploaded(world, "a.jpg"), uploaded(world, "b.jpg")
    archive = uploaded(world, "c.zip", purpose="prediction_archive")
    ordered(anna, world, pictures=[str(both.pk), str(one.pk)])
    first = claimed(world)
    ordered(anna, world, upload=str(both.pk))
    finished(world, first)
    assert set(Upload.objects.all()) == {both, archive}

    ordered(anna, world, archive=str(archive.pk))
    ordered(anna, world, archive=str(archive.pk))
    while Upload.objects.filter(pk=archive.pk).exists():
        claim = claimed(world)
        assert assignment(claim)["job"] == str(claim.job.pk)
        finished(world, claim) if hasattr(claim.job, "batch") else world.finish(claim)
    assert PredictionBatch.objects.exclude(counts={}).count() == 3


def test_a_batch_whose_pictures_are_gone_is_a_fault_of_ours(world: World, anna: Caller) -> None:
    claim = batch(anna, world)
    Upload.objects.all().delete()
    claim.job.refresh_from_db()
    with pytest.raises(ValueError, match="swept"):
        assignment(claim)


def test_a_batch_says_nothing_of_a_single_pictures_time(world: World, anna: Caller) -> None:
    finished(world, batch(anna, world))
    assert run_times(world.pool.pk, ["inference"]).of((0, "inference", "")) is None
    world.inference()
    world.finish(world.claimed())
    assert run_times(world.pool.pk, ["inference"]).of((0, "inference", "")) is not None
