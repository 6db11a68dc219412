"""A worker that is killed with -9 anywhere leaves a set that the next one finishes, the same and once."""

import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.conf import settings
from django.db import connection
from django.utils import timezone

from axons_service.jobs.models import Event
from axons_service.storage import objects
from axons_service.training_sets import prepare
from axons_service.training_sets.journal import Journal
from axons_service.training_sets.models import TrainingSet
from tests.service import builders
from tests.service.builders import Caller, Lms
from tests.service.listing import list_keys
from tests.service.training_sets import pictures_made as made
from tests.service.training_sets import sets_made

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.needs_s3]
COUNT = 24

CHILD = """
import os, signal, sys
import django
django.setup()
from axons_service.storage import objects
from axons_service.training_sets import prepare, shards
from axons_service.training_sets.journal import Journal
point = sys.argv[2]
prepare.JOURNAL_SECONDS = 0.0
def die(*_): os.kill(os.getpid(), signal.SIGKILL)
if point == "checking":
    save, saved = Journal.save, []
    def counted(journal):
        save(journal)
        saved.append(1)
        if len(saved) == 9: die()
    Journal.save = counted
elif point == "first journal":
    Journal.save = die
elif point == "shard":
    store = prepare.shards_store
    prepare.shards_store = lambda *a, **k: (store(*a, **k), die())
elif point == "manifest":
    put = objects.put_bytes
    objects.put_bytes = lambda key, *rest: (put(key, *rest), die() if key.endswith("manifest.json") else None)
elif point == "frozen":
    prepare._finish = die
prepare.training_set_prepare(training_set_id=__import__("uuid").UUID(sys.argv[1]))
"""


def database_url() -> str:
    chosen = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{chosen['NAME']}"
    return f"postgres://{chosen['USER']}:{chosen['PASSWORD']}@{chosen['HOST']}:{chosen['PORT']}/{chosen['NAME']}"


def run_and_die(training_set_id: UUID, point: str) -> None:
    """Prepare the set in a process of its own, which kills itself with -9 at this point."""
    s3 = settings.AXONS_S3
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "tests.support.service_settings",
        "PYTHONPATH": str(Path(__file__).resolve().parents[3]),
        "AXONS_DATABASE_URL": database_url(),
        "AXONS_S3_ENDPOINT": s3["endpoint"],
        "AXONS_S3_ACCESS_KEY": s3["access_key"],
        "AXONS_S3_SECRET_KEY": s3["secret_key"],
        "AXONS_S3_BUCKET": s3["bucket"],
    }
    done = subprocess.run(
        [sys.executable, "-c", CHILD, str(training_set_id), point],
        env=environment, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == -9, done.stderr


@pytest.fixture
def files() -> list[tuple[str, bytes, str]]:
    good = [(f"{n}.jpg", made.jpeg(n), builders.CLASSES[n % 2]) for n in range(COUNT)]
    return [*good, ("again.jpg", made.jpeg(3), "cat"), ("notes.jpg", b"dear diary", "dog")]


def start_over(training_set: TrainingSet) -> None:
    objects.delete(list_keys(f"sites/{training_set.site_id}/projects/"))
    TrainingSet.objects.filter(pk=training_set.pk).update(
        state="preparing", prepare_beat_at=None, prepare_tries=0, manifest_key="", manifest_sha256=""
    )
    Event.objects.all().delete()


@pytest.mark.parametrize("point", ["first journal", "checking", "shard", "manifest", "frozen"])
def test_the_second_run_ends_as_one_that_was_never_killed(
    store: Any, course: Lms, anna: Caller, files: Any, point: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    anna.open(builders.spec(hidden_test_set=None, grading=None))
    waiting = sets_made.asked(anna, files)
    with monkeypatch.context() as patched:
        patched.setattr(prepare, "uploads_delete", lambda uploads: None)
        never_killed = sets_made.prepared(waiting)
    start_over(never_killed)

    run_and_die(waiting, point)
    killed = TrainingSet.objects.get(pk=waiting)
    assert killed.state == "preparing"
    assert len(Journal(killed).findings) == {"first journal": 0, "checking": 9}.get(point, len(files))
    assert prepare.training_set_prepare(training_set_id=waiting) is False, "it may still be alive"
    TrainingSet.objects.update(prepare_beat_at=timezone.now() - timedelta(minutes=2))
    found = sets_made.prepared(waiting)

    assert (found.state, found.image_count) == ("ready", COUNT)
    assert found.manifest_sha256 == never_killed.manifest_sha256
    assert builders.sha256(objects.get_bytes(found.manifest_key)) == found.manifest_sha256
    assert found.report == never_killed.report
    frozen = [
        each for each in Event.objects.filter(kind="training_set") if each.data["training_set"]["state"] == "ready"
    ]
    assert len(frozen) == 1
    keys = list_keys(f"sites/{found.site_id}/projects/")
    assert sum("/blobs/" in key for key in keys) == sum("/thumbnails/" in key for key in keys) == COUNT
    assert sorted(key.rsplit("/", 1)[1] for key in keys if "/training-sets/" in key) == sorted(
        ["manifest.json", *(f"{shard['sha256']}.tar" for shard in found.shards)]
    )


def test_a_long_check_goes_on_in_slices_and_tells_how_far_it_is(
    store: Any, course: Lms, anna: Caller, files: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    anna.open(builders.spec(hidden_test_set=None, grading=None))
    waiting = sets_made.asked(anna, files)
    monkeypatch.setattr(prepare, "SLICE_SECONDS", 0.01)
    monkeypatch.setattr(prepare, "BEAT_SECONDS", 0.0)
    again: list[UUID] = []
    monkeypatch.setattr(prepare, "prepare_publish", again.append)
    assert prepare.training_set_prepare(training_set_id=waiting) is False
    assert again == [waiting]
    middle = anna.get(f"/training-sets/{waiting}").json()
    assert middle["state"] == "preparing"
    assert 0 < middle["progress"]["done"] < middle["progress"]["total"] == len(files)
    found = sets_made.prepared(waiting)
    assert (found.state, found.image_count) == ("ready", COUNT)
    told = [each.data["training_set"]["progress"] for each in Event.objects.filter(kind="training_set").order_by("id")]
    done = [each["done"] for each in told if each]
    assert done == sorted(done)
    assert told[-1] is None


def test_a_worker_that_was_taken_for_dead_writes_nothing_more(
    store: Any, course: Lms, anna: Caller, files: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    anna.open(builders.spec(hidden_test_set=None, grading=None))
    waiting = sets_made.asked(anna, files)
    make = prepare.draft_make
    manifest_of_the_other: list[str] = []

    def overtaken(**known: Any) -> Any:
        monkeypatch.setattr(prepare, "draft_make", make)
        TrainingSet.objects.update(prepare_beat_at=timezone.now() - timedelta(minutes=2))
        manifest_of_the_other.append(sets_made.prepared(waiting).manifest_sha256)
        return make(**{**known, "additions": known["additions"][:10]})

    monkeypatch.setattr(prepare, "draft_make", overtaken)
    assert prepare.training_set_prepare(training_set_id=waiting) is False
    found = TrainingSet.objects.get(pk=waiting)
    assert found.state == "ready"
    assert builders.sha256(objects.get_bytes(found.manifest_key)) == manifest_of_the_other[0]
