"""From uploads to a frozen training set, on a real object store."""

import io
import json
import tarfile
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import requests
from django.core.management import call_command
from django.utils import timezone

from axons_service.jobs.models import Event
from axons_service.storage import objects
from axons_service.training_sets import prepare
from axons_service.training_sets.library import ImportRefused, library_set_import
from axons_service.training_sets.manifests import manifest_read
from axons_service.training_sets.models import TrainingSet, Upload
from axons_service.training_sets.prepare import training_set_prepare, training_sets_rescue
from axons_service.training_sets.services import uploads_sweep
from tests.service import builders
from tests.service.builders import Caller, Lms
from tests.service.training_sets import pictures_made as made

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.needs_s3]


def folder(path: Path, *, role: str = "starter", name: str = "pets", start: int = 100, count: int = 5) -> Path:
    """A library set as a recipe writes it."""
    path.mkdir(parents=True, exist_ok=True)
    pictures = {
        f"{label}/{label}{n}.jpg": made.jpeg(start + 50 * at + n)
        for at, label in enumerate(builders.CLASSES)
        for n in range(count)
    }
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for member, data in pictures.items():
            info = tarfile.TarInfo(member)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    images = [{"path": p, "sha256": builders.sha256(data), "label": p.split("/")[0]} for p, data in pictures.items()]
    description = {
        "name": name,
        "title": "Pets",
        "role": role,
        "classes": builders.CLASSES,
        "count": len(images),
        "split": "photographs",
        "licence": "CC0",
        "credits": "CREDITS.md",
        "sha256": builders.sha256(buffer.getvalue()),
        "images": images,
    }
    (path / "images.tar").write_bytes(buffer.getvalue())
    (path / "dataset.json").write_text(json.dumps(description))
    (path / "CREDITS.md").write_text("By us.")
    return path


@pytest.fixture
def starter(store: Any, course: Lms, tmp_path: Path) -> TrainingSet:
    return library_set_import(site=course.site, folder=folder(tmp_path / "starter"))[0]


@pytest.fixture
def learner(starter: TrainingSet, anna: Caller) -> Caller:
    anna.open(builders.spec(starter_set="pets"))
    return anna


def upload(caller: Caller, *files: tuple[str, bytes]) -> list[str]:
    """Upload as a browser does: ask for URLs, then PUT to the store."""
    offers = [{"name": name, "bytes": len(data), "content_type": "image/jpeg"} for name, data in files]
    answer = caller.post("/uploads", {"files": offers, "purpose": "training_set"})
    assert answer.status_code == 201, answer.content
    for given, (_, data) in zip(answer.json()["uploads"], files, strict=True):
        sent = requests.put(given["url"], data=data, headers=given["headers"], timeout=10)
        assert sent.status_code == 200, sent.text
    return [given["id"] for given in answer.json()["uploads"]]


def create(caller: Caller, files: list[tuple[str, bytes, str]], *, key: str = "k", **changes: Any) -> dict[str, Any]:
    """Ask for a set and let it be prepared."""
    ids = upload(caller, *[(name, data) for name, data, _ in files]) if files else []
    additions = [{"upload": each, "label": label} for each, (_, _, label) in zip(ids, files, strict=True)]
    answer = caller.post("/training-sets", {"additions": additions, **changes}, key=key)
    assert answer.status_code == 202, answer.content
    made_id = answer.json()["id"]
    training_set_prepare(training_set_id=UUID(made_id))
    state: dict[str, Any] = caller.get(f"/training-sets/{made_id}").json()
    return state


def members(training_set: TrainingSet) -> set[str]:
    names: set[str] = set()
    for shard in training_set.shards:
        data = objects.get_bytes(shard["key"])
        assert (builders.sha256(data), len(data)) == (shard["sha256"], shard["bytes"])
        with tarfile.open(fileobj=io.BytesIO(data)) as tar:
            names |= {name.removesuffix(".jpg") for name in tar.getnames()}
    return names


def test_a_good_picture_joins_the_starter_set_and_bad_ones_are_explained(learner: Caller, starter: TrainingSet) -> None:
    result = create(
        learner,
        [
            ("rex.jpg", made.jpeg(1), "dog"),
            ("notes.jpg", b"dear diary", "dog"),
            ("cut.jpg", made.jpeg(2)[:-300], "cat"),
            ("wall.jpg", made.huge_png(30_000, 30_000), "cat"),
            ("copy.jpg", made.jpeg(1), "dog"),
            ("fish.jpg", made.jpeg(3), "fish"),
        ],
        base=str(starter.pk),
    )
    assert (result["state"], result["image_count"], result["version"]) == ("ready", 11, 1)
    report = {line["file"]: line for line in result["report"]}
    assert report["rex.jpg"] == {"file": "rex.jpg", "accepted": True, "reason": None, "code": "added"}
    codes = {name: line["code"] for name, line in report.items() if not line["accepted"]}
    assert codes == {
        "notes.jpg": "not_a_picture",
        "cut.jpg": "truncated",
        "wall.jpg": "too_many_pixels",
        "copy.jpg": "duplicate",
        "fish.jpg": "unknown_label",
    }
    assert report["copy.jpg"]["reason"] == "copy.jpg is the same picture as rex.jpg; it counts once."
    assert report["fish.jpg"]["reason"].endswith("Allowed are cat, dog.")
    assert all(name in line["reason"] for name, line in report.items() if not line["accepted"])


def test_the_frozen_set_is_whole(learner: Caller, starter: TrainingSet) -> None:
    result = create(learner, [("rex.jpg", made.jpeg(1), "dog")], base=str(starter.pk))
    training_set = TrainingSet.objects.get(pk=result["id"])
    manifest = manifest_read(training_set)
    assert builders.sha256(objects.get_bytes(training_set.manifest_key)) == result["manifest_sha256"]
    assert {image["sha256"] for image in manifest["images"]} == members(training_set)
    assert manifest["shards"][: len(starter.shards)] == starter.shards  # shared, not copied
    base = {image["sha256"]: image for image in manifest_read(starter)["images"]}
    assert all(base.get(image["sha256"], image) == image for image in manifest["images"])
    counts = result["counts"]
    assert sum(sum(each.values()) for each in counts.values()) == result["image_count"] == 11


def test_every_listed_image_can_be_seen(learner: Caller, starter: TrainingSet) -> None:
    result = create(learner, [("rex.jpg", made.jpeg(1), "dog")], base=str(starter.pk))
    seen: list[dict[str, Any]] = []
    after = None
    while True:
        query = {"limit": 4} if after is None else {"limit": 4, "after": after}
        page = learner.get(f"/training-sets/{result['id']}/images", **query).json()
        seen += page["images"]
        after = page["next"]
        if after is None:
            break
    assert len({image["sha256"] for image in seen}) == 11
    for image in seen:
        got = requests.get(image["url"], timeout=10)
        assert builders.sha256(got.content) == image["sha256"]
    dogs = learner.get(f"/training-sets/{result['id']}/images", label="dog", split="train").json()["images"]
    assert {(image["label"], image["split"]) for image in dogs} == {("dog", "train")}


def test_leaving_out_and_relabelling_makes_a_new_version(learner: Caller, starter: TrainingSet) -> None:
    images = manifest_read(starter)["images"]
    out, wrong = [image for image in images if image["label"] == "cat" and image["split"] == "train"][:2]
    result = create(
        learner,
        [],
        base=str(starter.pk),
        exclusions=[out["sha256"]],
        relabels={wrong["sha256"]: "dog", "f" * 64: "dog"},
    )
    assert (result["state"], result["image_count"], result["kind"]) == ("ready", 9, "project")
    assert result["counts"]["dog"]["train"] == starter.counts["dog"]["train"] + 1
    assert {line["code"] for line in result["report"]} == {"not_found", "excluded", "relabelled"}
    again = create(learner, [("rex.jpg", made.jpeg(1), "dog")], key="k2", base=result["id"])
    assert (again["version"], again["image_count"], again["parent"]) == (2, 10, result["id"])
    assert TrainingSet.objects.get(pk=again["id"]).starter == starter


def test_a_picture_of_the_starter_set_is_a_duplicate(learner: Caller, starter: TrainingSet) -> None:
    result = create(
        learner, [("mine.jpg", made.jpeg(100), "cat"), ("rex.jpg", made.jpeg(1), "dog")], base=str(starter.pk)
    )
    assert result["report"][0]["reason"] == "mine.jpg is the same picture as cat0.jpg; it counts once."


def test_a_set_of_nothing_but_bad_pictures_fails_with_its_report(learner: Caller, starter: TrainingSet) -> None:
    result = create(learner, [("notes.jpg", b"dear diary", "dog")], base=str(starter.pk))
    assert (result["state"], result["manifest_sha256"]) == ("failed", None)
    assert result["message"].startswith("None of the pictures")
    assert result["report"][0]["file"] == "notes.jpg"


def test_without_a_starter_set_learners_choose_classes_but_each_needs_pictures(
    store: Any, course: Lms, anna: Caller
) -> None:
    anna.open(builders.spec(hidden_test_set=None, grading=None))
    lonely = create(anna, [("a.jpg", made.jpeg(1), "sun")])
    assert (lonely["state"], lonely["message"]) == ("failed", "A training set needs pictures of at least two classes.")
    both = create(anna, [("a.jpg", made.jpeg(1), "sun"), ("b.jpg", made.jpeg(2), "moon")], key="k2")
    assert (both["state"], both["classes"]) == ("ready", ["moon", "sun"])


def test_the_hidden_test_sets_classes_bind_learners_without_a_starter_set(
    store: Any, course: Lms, anna: Caller
) -> None:
    anna.open()
    result = create(anna, [("a.jpg", made.jpeg(1), "cat"), ("b.jpg", made.jpeg(2), "moon")])
    assert (result["state"], result["message"]) == (
        "failed",
        "There is no picture of dog to train on. Add one or keep one.",
    )


def test_an_upload_that_never_arrived_is_named(learner: Caller, starter: TrainingSet) -> None:
    arrived = upload(learner, ("rex.jpg", made.jpeg(1)))[0]
    offer = {"files": [{"name": "late.jpg", "bytes": 9, "content_type": "image/jpeg"}], "purpose": "training_set"}
    late = learner.post("/uploads", offer).json()["uploads"][0]["id"]
    additions = [{"upload": each, "label": "dog"} for each in (arrived, late)]
    made_set = learner.post("/training-sets", {"base": str(starter.pk), "additions": additions}, key="k").json()
    training_set_prepare(training_set_id=UUID(made_set["id"]))
    report = learner.get(f"/training-sets/{made_set['id']}").json()["report"]
    assert {line["file"]: line["code"] for line in report} == {"rex.jpg": "added", "late.jpg": "not_uploaded"}


def test_preparing_twice_changes_nothing(learner: Caller, starter: TrainingSet) -> None:
    first = create(learner, [("rex.jpg", made.jpeg(1), "dog")], base=str(starter.pk))
    assert training_set_prepare(training_set_id=UUID(first["id"])) is False
    assert learner.get(f"/training-sets/{first['id']}").json() == first
    assert Event.objects.filter(kind="training_set").count() == 1


def test_two_workers_at_once_freeze_the_set_once(learner: Caller, starter: TrainingSet) -> None:
    """The second worker starts after the first has lost its claim, and both run to the end."""
    ids = upload(learner, ("rex.jpg", made.jpeg(1)))
    body = {"base": str(starter.pk), "additions": [{"upload": ids[0], "label": "dog"}]}
    made_set = learner.post("/training-sets", body, key="k").json()
    training_set = TrainingSet.objects.select_related("project__spec", "parent", "starter").get(pk=made_set["id"])
    slow = prepare._finish

    def late(*args: Any, **kwargs: Any) -> bool:
        prepare._finish = slow
        assert training_set_prepare(training_set_id=training_set.pk) is False  # claimed: nobody starts beside it
        TrainingSet.objects.update(prepare_beat_at=timezone.now() - timedelta(minutes=5))
        assert training_set_prepare(training_set_id=training_set.pk) is True
        return slow(*args, **kwargs)

    prepare._finish = late
    try:
        assert training_set_prepare(training_set_id=training_set.pk) is False
    finally:
        prepare._finish = slow
    ready = TrainingSet.objects.get(pk=training_set.pk)
    assert (ready.state, ready.image_count) == ("ready", 11)
    assert Event.objects.filter(kind="training_set").count() == 1


def test_a_lost_message_is_found_and_hopeless_sets_fail(learner: Caller, starter: TrainingSet) -> None:
    ids = upload(learner, ("rex.jpg", made.jpeg(1)))
    body = {"base": str(starter.pk), "additions": [{"upload": ids[0], "label": "dog"}]}
    made_set = learner.post("/training-sets", body, key="k").json()
    assert training_sets_rescue() == 0
    TrainingSet.objects.filter(pk=made_set["id"]).update(created_at=timezone.now() - timedelta(seconds=16))
    assert training_sets_rescue() == 1
    TrainingSet.objects.filter(pk=made_set["id"]).update(prepare_tries=3)
    training_sets_rescue()
    failed = learner.get(f"/training-sets/{made_set['id']}").json()
    assert failed["state"] == "failed"
    assert "our fault" in failed["message"]
    again = learner.post("/training-sets", body, key="again")
    assert again.status_code == 202, "the pictures must still be there to try again with"


def test_the_same_key_gives_the_same_set_and_another_body_is_refused(learner: Caller, starter: TrainingSet) -> None:
    first = create(learner, [], base=str(starter.pk), exclusions=[manifest_read(starter)["images"][0]["sha256"]])
    body = {"base": str(starter.pk), "exclusions": [manifest_read(starter)["images"][0]["sha256"]], "additions": []}
    assert learner.post("/training-sets", body, key="k").json()["id"] == first["id"]
    other = learner.post("/training-sets", {**body, "exclusions": ["f" * 64]}, key="k")
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_mismatch")


def test_taken_uploads_and_old_ones_are_deleted(learner: Caller, starter: TrainingSet) -> None:
    create(learner, [("rex.jpg", made.jpeg(1), "dog")], base=str(starter.pk))
    assert not Upload.objects.exists()
    upload(learner, ("old.jpg", made.jpeg(2)))
    key = Upload.objects.get().key
    assert uploads_sweep() == 0
    Upload.objects.update(created_at=timezone.now() - timedelta(hours=25))
    assert uploads_sweep() == 1
    assert not objects.exists(key)


def test_importing_again_makes_no_new_version(store: Any, course: Lms, tmp_path: Path) -> None:
    path = folder(tmp_path / "set")
    first, created = library_set_import(site=course.site, folder=path)
    assert (created, library_set_import(site=course.site, folder=path)) == (True, (first, False))
    changed, created = library_set_import(site=course.site, folder=folder(path, start=500))
    assert (created, changed.version, changed.credits) == (True, 2, "By us.")
    images = manifest_read(changed)["images"]
    assert {image["split"] for image in images} == {"train", "validation"}
    assert changed.counts == {label: {"train": 4, "validation": 1} for label in builders.CLASSES}


def test_a_hidden_set_lies_apart_and_no_door_shows_it(
    store: Any, course: Lms, anna: Caller, author: Caller, tmp_path: Path
) -> None:
    path = folder(tmp_path / "hidden", name="hidden-pets-2")
    call_command("library_import", site=course.site.slug, path=path, role="hidden")
    hidden = TrainingSet.objects.get(name="hidden-pets-2")
    assert hidden.manifest_key.startswith(f"sites/{course.site.pk}/hidden/")
    assert all(shard["key"].startswith(f"sites/{course.site.pk}/hidden/") for shard in hidden.shards)
    assert {image["split"] for image in manifest_read(hidden)["images"]} == {"test"}
    for caller in (anna, author):
        caller.open(builders.spec(hidden_test_set="hidden-pets-2"))
        assert caller.get(f"/training-sets/{hidden.pk}").status_code == 404
        assert caller.get(f"/training-sets/{hidden.pk}/images").status_code == 404


@pytest.mark.parametrize("damage", ["tar", "picture", "label", "role"])
def test_a_damaged_set_is_not_imported(store: Any, course: Lms, tmp_path: Path, damage: str) -> None:
    path = folder(tmp_path / "set")
    description = json.loads((path / "dataset.json").read_text())
    if damage == "tar":
        (path / "images.tar").write_bytes(b"x" * 10240)
    elif damage == "picture":
        description["images"][0]["sha256"] = "0" * 64
    elif damage == "label":
        description["images"][0]["label"] = "owl"
    else:
        description["role"] = "secret"
    (path / "dataset.json").write_text(json.dumps(description))
    with pytest.raises(ImportRefused):
        library_set_import(site=course.site, folder=path)
    assert not TrainingSet.objects.filter(name="pets").exists()
