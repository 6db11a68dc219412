"""A set as a zip, and back: streamed, once a day, the same content on return."""

import io
import json
import tarfile
import zipfile
from datetime import timedelta
from typing import Any

import pytest
import requests
from django.utils import timezone

from axons_service.operations.retention.collect import prefix_collect
from axons_service.operations.retention.erasure import learner_erase
from axons_service.operations.retention.trash import trash_purge, trash_put
from axons_service.storage import keys, multipart, objects
from axons_service.training_sets import exports, reports, shards
from axons_service.training_sets.exports import export_build, exports_rescue
from axons_service.training_sets.manifests import manifest_read
from axons_service.training_sets.models import Export, TrainingSet, Upload
from tests.service import builders
from tests.service.builders import Caller, Lms
from tests.service.training_sets import pictures_made as made
from tests.service.training_sets import sets_made
from tests.service.training_sets.test_archives import HOSTILE, zipped

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.needs_s3]


@pytest.fixture
def mine(store: Any, course: Lms, anna: Caller) -> TrainingSet:
    anna.open(builders.spec(hidden_test_set=None, grading=None))
    files = [(f"{n % 5}.jpg", made.jpeg(n), builders.CLASSES[n % 2]) for n in range(20)]
    found = sets_made.prepared(sets_made.asked(anna, files))
    TrainingSet.objects.filter(pk=found.pk).update(licence="CC0", credits="By us.")
    return found


def exported(caller: Caller, training_set: TrainingSet) -> dict[str, Any]:
    asked = caller.post(f"/training-sets/{training_set.pk}/exports").json()
    export_build(export_id=asked["id"])
    found: dict[str, Any] = caller.get(f"/exports/{asked['id']}").json()
    return found


def imported(caller: Caller, data: bytes, key: str = "i", name: str = "pets.zip") -> TrainingSet:
    [upload] = sets_made.uploaded(caller.project(), [(name, data)], purpose="archive")
    answer = caller.post("/training-sets/imports", {"upload": upload}, key=key)
    assert answer.status_code == 202, answer.content
    return sets_made.prepared(answer.json()["id"])


def test_a_set_comes_back_from_its_zip_as_it_was(mine: TrainingSet, anna: Caller, ben: Caller) -> None:
    done = exported(anna, mine)
    assert (done["state"], done["done"], done["total"]) == ("ready", 20, 20)
    got = requests.get(done["url"], timeout=10)
    assert got.headers["Content-Type"] == "application/zip"
    assert len(got.content) == done["bytes"]
    with zipfile.ZipFile(io.BytesIO(got.content)) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        manifest = json.loads(archive.read("manifest.json"))
        assert archive.read("LICENSES/CREDITS.md") == b"By us."
    pictures = [name for name in names if name.endswith(".jpg")]
    assert len(pictures) == 20
    assert {"/".join(name.split("/")[:2]) for name in pictures} == {"train/cat", "train/dog", "val/cat", "val/dog"}
    assert manifest["content_sha256"] == mine.content_sha256
    for caller in (anna, ben):  # into the same project, and into one that has none of the blobs
        caller.open(builders.spec(hidden_test_set=None, grading=None))
        again = imported(caller, got.content)
        assert (again.state, again.content_sha256) == ("ready", mine.content_sha256)
        assert caller.get(f"/training-sets/{again.pk}").json()["changes"]["kind"] == "imported"
    assert [each["sha256"] for each in again.shards] == [each["sha256"] for each in mine.shards]
    assert not Upload.objects.exists()


def test_asking_again_gives_the_same_zip(mine: TrainingSet, anna: Caller) -> None:
    first = exported(anna, mine)
    stored = objects.head(f"tmp/{timezone.now():%Y-%m-%d}/exports/{first['id']}.zip")
    again = anna.post(f"/training-sets/{mine.pk}/exports")
    assert (again.status_code, again.json()["id"], again.json()["state"]) == (202, first["id"], "ready")
    assert export_build(export_id=first["id"]) is False
    assert objects.head(f"tmp/{timezone.now():%Y-%m-%d}/exports/{first['id']}.zip") == stored
    Export.objects.update(created_at=timezone.now() - timedelta(hours=25), day=timezone.now() - timedelta(days=1))
    gone = anna.get(f"/exports/{first['id']}").json()
    assert (gone["state"], gone["url"]) == ("expired", None)
    assert anna.post(f"/training-sets/{mine.pk}/exports").json()["state"] == "preparing"


def test_a_worker_that_dies_leaves_no_half_zip_and_the_next_one_makes_it(
    mine: TrainingSet, anna: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = anna.post(f"/training-sets/{mine.pk}/exports").json()
    key = f"tmp/{timezone.now():%Y-%m-%d}/exports/{asked['id']}.zip"
    with monkeypatch.context() as patched:
        patched.setattr(multipart, "PART_BYTES", 1000)
        patched.setattr(exports, "PROGRESS_EVERY", 5)
        patched.setattr(multipart.MultipartWriter, "__exit__", lambda *_: None)
        patched.setattr(exports, "_contents", lambda wanted: iter([b"x" * 900] * 7 + [None]))
        with pytest.raises((TypeError, ValueError)):
            export_build(export_id=asked["id"])
    assert objects.head(key) is None
    assert anna.get(f"/exports/{asked['id']}").json()["done"] == 5
    left = objects.client().list_multipart_uploads(Bucket=objects.bucket(), Prefix=key)
    assert len(left.get("Uploads", [])) == 1
    assert export_build(export_id=asked["id"]) is False, "it may still be alive"
    Export.objects.update(beat_at=timezone.now() - timedelta(minutes=2))
    assert exports_rescue() == 1
    assert export_build(export_id=asked["id"]) is True
    assert anna.get(f"/exports/{asked['id']}").json()["state"] == "ready"
    left = objects.client().list_multipart_uploads(Bucket=objects.bucket(), Prefix=key)
    assert left.get("Uploads", []) == []
    Export.objects.update(state="preparing", tries=3, beat_at=timezone.now() - timedelta(minutes=2))
    exports_rescue()
    failed = anna.get(f"/exports/{asked['id']}").json()
    assert (failed["state"], "our fault" in failed["message"]) == ("failed", True)
    assert anna.post(f"/training-sets/{mine.pk}/exports").json()["state"] == "preparing"


def test_a_zip_of_many_parts_is_whole(mine: TrainingSet, anna: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(multipart, "PART_BYTES", 5 * 2**20)
    padding = {f"cat/{n}.jpg": bytes([n]) * (2 * 2**20) for n in range(6)}
    monkeypatch.setattr(
        exports, "_contents", lambda wanted: (padding[f"cat/{n % 6}.jpg"] for n, _ in enumerate(wanted))
    )
    done = exported(anna, mine)
    with zipfile.ZipFile(io.BytesIO(requests.get(done["url"], timeout=20).content)) as archive:
        assert archive.testzip() is None


def test_a_zip_from_elsewhere_becomes_a_set_with_a_reason_for_each_bad_file(mine: TrainingSet, anna: Caller) -> None:
    files = {f"train/cat/{n}.jpg": made.jpeg(100 + n) for n in range(4)} | {
        "val/cat/v.png": made.encoded(made.photo(200), "PNG"),
        "train/dog/a.jpg": made.jpeg(300),
        "train/dog/copy.jpg": made.jpeg(300),
        "train/dog/notes.jpg": b"dear diary",
        "train/dog/party.gif": made.animation("GIF"),
    }
    found = imported(anna, zipped(files))
    assert (found.state, found.title, found.classes) == ("ready", "pets, version 2", ["cat", "dog"])
    assert found.counts == {"cat": {"train": 4, "validation": 1}, "dog": {"train": 1, "validation": 0}}
    codes = {line["file"]: line["code"] for line in found.report if not line["accepted"]}
    assert codes == {"copy.jpg": "duplicate", "notes.jpg": "not_a_picture", "party.gif": "unsupported_format"}


@pytest.mark.parametrize("trick", ["text", "parent", "symlink", "disagreeing"])
def test_a_hostile_zip_makes_a_failed_set_with_a_sentence(mine: TrainingSet, anna: Caller, trick: str) -> None:
    found = imported(anna, HOSTILE[trick][0])
    assert found.state == "failed"
    assert "pets.zip" in found.message
    assert found.message.endswith(".")


def test_only_an_archive_of_ones_own_is_imported(mine: TrainingSet, anna: Caller, ben: Caller) -> None:
    ben.open(builders.spec(hidden_test_set=None, grading=None))
    [upload] = sets_made.uploaded(anna.project(), [("pets.zip", b"PK")], purpose="archive")
    [picture] = sets_made.uploaded(ben.project(), [("pets.jpg", b"x")])
    for each in (upload, picture):
        answer = ben.post("/training-sets/imports", {"upload": each}, key=each)
        assert (answer.status_code, answer.json()["code"]) == (422, "upload_unknown")
    offer = {"name": "pets.zip", "bytes": 100, "content_type": "application/zip"}
    assert ben.post("/uploads", {"purpose": "archive", "files": [offer]}).json()["uploads"]
    refused = ben.post("/uploads", {"purpose": "archive", "files": [{**offer, "content_type": "image/jpeg"}]})
    assert refused.json()["rejected"][0]["reason"] == "pets.zip is not a zip file."


def test_shards_are_cut_at_their_size_and_read_as_webdataset_samples(
    store: Any, course: Lms, anna: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shards, "TARGET_BYTES", 8000)
    anna.open(builders.spec(hidden_test_set=None, grading=None))
    files = [(f"{n}.jpg", made.jpeg(n), builders.CLASSES[n % 2]) for n in range(20)]
    found = sets_made.prepared(sets_made.asked(anna, files))
    assert len(found.shards) > 2
    labels = {each["sha256"]: each["label"] for each in manifest_read(found)["images"]}
    samples: dict[str, dict[str, bytes]] = {}
    for shard in found.shards:
        data = objects.get_bytes(shard["key"])
        assert builders.sha256(data) == shard["sha256"]
        with tarfile.open(fileobj=io.BytesIO(data), mode="r|") as tar:
            for member in tar:  # a sample's key is its name up to the first dot, its parts are what comes after
                key, _, part = member.name.partition(".")
                content = tar.extractfile(member)
                assert content is not None
                samples.setdefault(key, {})[part] = content.read()
                assert (member.mtime, member.uid, member.uname) == (0, 0, "")
    assert samples.keys() == labels.keys()
    assert all(builders.sha256(sample["jpg"]) == key for key, sample in samples.items())


def test_a_frozen_broker_costs_the_request_no_more_than_a_moment(
    mine: TrainingSet, anna: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    published: list[tuple[Any, ...]] = []
    monkeypatch.setattr(exports, "message_publish", lambda task, *args: published.append((task.name, *args)))
    asked = anna.post(f"/training-sets/{mine.pk}/exports").json()
    assert published == [("axons_service.training_sets.tasks.export", asked["id"])]


def test_a_zip_goes_with_its_set(mine: TrainingSet, anna: Caller) -> None:
    done = exported(anna, mine)
    key = f"tmp/{timezone.now():%Y-%m-%d}/exports/{done['id']}.zip"
    assert objects.head(key) is not None
    entry, _ = trash_put(project=anna.project(), kind="training_set", object_id=mine.pk, by="anna")
    assert objects.head(key) is not None  # it may come back
    trash_purge(entry=entry)
    assert objects.head(key) is None
    assert not Export.objects.exists()


def test_an_erased_learner_leaves_no_zip(mine: TrainingSet, anna: Caller, course: Lms) -> None:
    done = exported(anna, mine)
    learner_erase(site=course.site, learner="anna", requested_by="lms")
    assert objects.head(f"tmp/{timezone.now():%Y-%m-%d}/exports/{done['id']}.zip") is None
    assert requests.get(done["url"], timeout=10).status_code == 404


def test_the_report_of_a_failed_set_lives_as_long_as_the_set(
    store: Any, course: Lms, anna: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reports, "ROW_LINES", 3)
    anna.open(builders.spec(hidden_test_set=None, grading=None))
    failed = sets_made.prepared(sets_made.asked(anna, [(f"{n}.jpg", b"no picture", "cat") for n in range(6)]))
    assert failed.state == "failed"
    prefix = keys.project_prefix(anna.project())
    page = f"/training-sets/{failed.pk}/report?limit=10"
    before = anna.get(page).json()
    assert len(before["lines"]) == 6
    prefix_collect(project_id=anna.project().pk, prefix=prefix)
    assert anna.get(page).json() == before
    objects.delete([keys.report_key(failed)])
    gone = anna.get(page)
    assert (gone.status_code, gone.json()["code"]) == (410, "report_gone")
    assert "Of its 6 lines the first 3 are left." in gone.json()["detail"]
    assert len(anna.get(f"/training-sets/{failed.pk}/report?limit=3").json()["lines"]) == 3
