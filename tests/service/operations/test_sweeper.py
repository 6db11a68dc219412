"""The sweeper on a real object store: garbage goes, everything that anything names stays, killed anywhere."""

from datetime import timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.utils import timezone

from axons_service.exercises.models import Project
from axons_service.jobs.artifacts import model_id
from axons_service.jobs.models import Checkpoint
from axons_service.operations.retention import ages, collect, ownership, trash
from axons_service.operations.retention.references import References
from axons_service.operations.retention.sweep import sweep_run
from axons_service.storage import keys, objects
from axons_service.storage.models import Deletion, SweepPass
from axons_service.training_sets.models import TrainingSet, Upload
from tests.service import builders
from tests.service.builders import Caller, Lms
from tests.service.listing import list_keys
from tests.service.operations import retained

DAY = timedelta(days=1)


@pytest.fixture
def project(store: Any, course: Lms, anna: Caller) -> Project:
    objects.delete(list_keys(""))
    anna.open()
    return anna.project()


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Let the sweeper believe that days have passed: objects cannot be made older."""

    def move(by: timedelta) -> None:
        real = timezone.now
        monkeypatch.setattr(timezone, "now", lambda: real() + by)

    return move


def orphans() -> SweepPass:
    """A whole orphan pass from the beginning."""
    SweepPass.objects.filter(name=collect.ORPHANS).delete()
    state = collect.orphans_collect()
    while state.finished_at is None:
        state = collect.orphans_collect()
    return state


def drain() -> int:
    deleted = 0
    while Deletion.objects.filter(not_before__lte=timezone.now()).exists():
        deleted += collect.deletions_drain()
    return deleted


def purge(project: Project, kind: str, row: Any) -> None:
    entry = trash.trash_put(project=project, kind=kind, object_id=row.pk, by="anna")[0]
    trash.trash_purge(entry=entry)


@pytest.mark.django_db
@pytest.mark.needs_s3
class TestWhatIsNamedStays:
    def test_a_pass_years_later_takes_nothing_that_anything_names(
        self, course: Lms, anna: Caller, ben: Caller, project: Project, later: Any
    ) -> None:
        ben.open()
        prefix, site = keys.project_prefix(project), keys.site_prefix(course.site.pk)
        first = retained.stored_set(project, retained.pictures("one", "two"))
        retained.stored_set(project, retained.pictures("three"), shared=first)
        retained.stored_set(ben.project(), retained.pictures("one"))
        succeeded, running = retained.run(project), retained.run(project, state="running", attempt=2)
        model = retained.model(project, succeeded)
        retained.submission(model)
        inference = retained.run(project, kind="inference", model=model)
        retained.prediction(model, inference, stored=True)
        retained.checkpoint(succeeded, 1, stored=True)
        trashed = retained.stored_set(project, retained.pictures("four"))
        trash.trash_put(project=project, kind="training_set", object_id=trashed.pk, by="anna")
        others = [
            f"{keys.model_prefix(model)}model.safetensors",
            f"{keys.attempt_prefix(succeeded, 1)}logs/000001.txt",
            f"{prefix}jobs/{succeeded.pk}/events.jsonl.gz",
            f"{keys.attempt_prefix(running, 1)}checkpoints/unrecorded.safetensors",
            f"{keys.attempt_prefix(running, 2)}artifacts/half.bin",
            f"{prefix}models/{model_id(running, 2)}/model.safetensors",
            f"{prefix}something-new/file",
            f"{site}library/blobs/sha256/ab/{'ab' * 32}",
            f"{site}library/models/{model.pk}/model.safetensors",
            f"{site}hidden/training-sets/x/manifest.json",
            f"{site}embeddings/effnet/v1/{'cd' * 32}",
            f"sites/{course.site.pk + 1000}/projects/{project.pk}/blobs/sha256/ab/{'ab' * 32}",
            "elsewhere/file",
        ]
        for key in others:
            objects.put_bytes(key, b"x", "application/octet-stream")
        before = {*list_keys(""), ownership.KEY}
        later(1000 * DAY)
        assert orphans().objects_deleted == 0
        assert set(list_keys("")) == before

    def test_while_a_set_is_prepared_nothing_of_its_project_is_garbage(self, project: Project, later: Any) -> None:
        making = retained.training_set(project, state="preparing")
        prefix = keys.project_prefix(project)
        journal = f"training-sets/{making.pk}/journal.json"
        blob = f"blobs/sha256/ab/{'ab' * 32}"
        for key in (journal, blob, f"training-sets/{making.pk}/shards/x.tar", f"thumbnails/sha256/ab/{'ab' * 32}"):
            objects.put_bytes(prefix + key, b"x", "application/octet-stream")
        before = retained.stored(prefix)
        later(3 * DAY)
        assert orphans().objects_deleted == 0
        assert retained.stored(prefix) == before
        TrainingSet.objects.filter(pk=making.pk).update(state="failed")
        assert orphans().objects_deleted == 4
        assert retained.stored(prefix) == []

    def test_an_unreadable_manifest_protects_its_project_and_no_other(
        self, ben: Caller, project: Project, later: Any, caplog: pytest.LogCaptureFixture
    ) -> None:
        ben.open()
        broken = retained.stored_set(project, retained.pictures("one"))
        objects.put_bytes(broken.manifest_key, b"{}", "application/json")
        garbage = f"blobs/sha256/ab/{'ab' * 32}"
        for each in (project, ben.project()):
            objects.put_bytes(keys.project_prefix(each) + garbage, b"x", "image/jpeg")
        before = retained.stored(keys.project_prefix(project))
        later(3 * DAY)
        assert orphans().objects_deleted == 1
        assert retained.stored(keys.project_prefix(project)) == before
        assert retained.stored(keys.project_prefix(ben.project())) == []
        assert "was left out of the orphan pass" in caplog.text


@pytest.mark.django_db
@pytest.mark.needs_s3
class TestGarbage:
    def test_orphans_go_when_they_are_two_days_old(
        self, project: Project, later: Any, capsys: pytest.CaptureFixture[str]
    ) -> None:
        prefix = keys.project_prefix(project)
        over, unknown = retained.run(project, state="failed"), "0" * 8 + "-0000-4000-8000-" + "0" * 12
        gone = [
            f"{prefix}blobs/sha256/ab/{'ab' * 32}",
            f"{prefix}thumbnails/sha256/ab/{'ab' * 32}.jpg",
            f"{prefix}models/{model_id(over, 1)}/model.safetensors",
            f"{prefix}training-sets/{unknown}/manifest.json",
            f"{keys.attempt_prefix(over, 1)}checkpoints/late.safetensors",
            f"{keys.attempt_prefix(over, 1)}artifacts/half.bin",
            f"{prefix}jobs/{unknown}/attempts/1/logs/1.txt",
            f"sites/{project.exercise.site_id}/projects/{unknown}/blobs/sha256/ab/{'ab' * 32}",
        ]
        for key in gone:
            objects.put_bytes(key, b"1234", "application/octet-stream")
        later(DAY)
        assert orphans().objects_deleted == 0
        later(DAY)
        call_command("sweep", "--dry-run")
        assert "8 objects that nothing names, 32 bytes" in capsys.readouterr().out
        assert set(list_keys("sites/")) == set(gone)
        state = orphans()
        assert (state.objects_deleted, state.bytes_deleted) == (8, 32)
        assert list_keys("sites/") == []

    def test_the_bucket_of_another_database_is_left_alone(
        self, project: Project, later: Any, caplog: pytest.LogCaptureFixture
    ) -> None:
        """A service that was started with an empty database would take everything for garbage."""
        objects.put_bytes(f"{keys.project_prefix(project)}models/{project.pk}/x", b"x", "image/jpeg")
        objects.put_bytes(ownership.KEY, b"another", "text/plain")
        later(3 * DAY)
        assert orphans().objects_deleted == 0
        assert "belongs to another database" in caplog.text
        call_command("storage_prepare", "--take-over")
        assert orphans().objects_deleted == 1

    def test_a_pass_goes_on_where_it_stopped(self, project: Project, later: Any, monkeypatch: Any) -> None:
        monkeypatch.setattr(collect, "PAGE", 2)
        prefix = keys.project_prefix(project)
        for n in range(7):
            objects.put_bytes(f"{prefix}blobs/sha256/{n:02d}/{n:064d}", b"x", "image/jpeg")
        later(3 * DAY)
        state, left = collect.orphans_collect(pages=1), [7]
        while state.finished_at is None:  # the server also lists empty folders of projects that were there before
            left.append(len(retained.stored(prefix)))
            state = collect.orphans_collect(pages=1)
        assert sorted(set(left), reverse=True) == [7, 5, 3, 1, 0]
        assert state.objects_deleted == 7
        objects.put_bytes(f"{prefix}blobs/sha256/ff/{'f' * 64}", b"x", "image/jpeg")
        assert collect.orphans_collect().objects_deleted == 7
        later(4 * DAY)
        assert collect.orphans_collect().objects_deleted == 1

    def test_deleting_a_version_keeps_what_the_next_one_shares(self, project: Project) -> None:
        first = retained.stored_set(project, retained.pictures("one", "two"))
        second = retained.stored_set(project, retained.pictures("three"), shared=first)
        prefix = keys.project_prefix(project)
        purge(project, "training_set", first)
        assert drain() == 2
        left = retained.stored(prefix)
        assert f"training-sets/{first.pk}/manifest.json" not in left
        assert first.shards[0]["key"].removeprefix(prefix) in left
        assert sum("blobs/" in key for key in left) == 3
        purge(project, "training_set", second)
        drain()
        assert retained.stored(prefix) == []
        assert Deletion.objects.count() == 0

    def test_the_same_picture_in_another_project_stays(self, ben: Caller, project: Project) -> None:
        ben.open()
        mine = retained.stored_set(project, retained.pictures("one"))
        retained.stored_set(ben.project(), retained.pictures("one"))
        before = retained.stored(keys.project_prefix(ben.project()))
        purge(project, "training_set", mine)
        drain()
        assert retained.stored(keys.project_prefix(ben.project())) == before

    def test_a_run_leaves_nothing_behind(self, project: Project) -> None:
        job = retained.run(project)
        model = retained.model(project, job)
        retained.checkpoint(job, 1, stored=True)
        objects.put_bytes(f"{keys.model_prefix(model)}model.onnx", b"x", "application/octet-stream")
        objects.put_bytes(f"{keys.attempt_prefix(job, 1)}logs/1.txt", b"x", "text/plain")
        purge(project, "job", job)
        drain()
        assert retained.stored(keys.project_prefix(project)) == []

    def test_killed_between_rows_and_objects_the_next_call_takes_the_rest(
        self, project: Project, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        mine = retained.stored_set(project, retained.pictures("one"))
        purge(project, "training_set", mine)

        def killed(doomed: Any, **how: Any) -> None:
            first = next(iter(doomed))
            real([first])
            raise SystemExit("killed")

        real = objects.delete
        monkeypatch.setattr(objects, "delete", killed)
        with pytest.raises(SystemExit):
            collect.deletions_drain()
        monkeypatch.setattr(objects, "delete", real)
        assert Deletion.objects.count() == 3
        assert 0 < len(retained.stored(keys.project_prefix(project))) < 5
        drain()
        assert retained.stored(keys.project_prefix(project)) == []
        assert Deletion.objects.count() == 0

    def test_what_is_named_again_before_the_lock_is_not_deleted(
        self, project: Project, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The listing and the first judgement are old when the lock is there: a restore may have come between."""
        prefix = keys.project_prefix(project)
        mine = retained.stored_set(project, retained.pictures("one"))
        TrainingSet.objects.filter(pk=mine.pk).update(purged_at=timezone.now())
        real = collect.project_references
        asked: list[References] = []

        def between(project_id: Any, pictures: Any) -> References:
            asked.append(real(project_id, pictures))
            TrainingSet.objects.filter(pk=mine.pk).update(purged_at=None)
            return asked[-1]

        monkeypatch.setattr(collect, "project_references", between)
        page = collect.prefix_collect(project_id=project.pk, prefix=f"{prefix}blobs/")
        assert len(asked) == 2
        assert page.deleted == 0
        assert len(retained.stored(f"{prefix}blobs/")) == 1

    def test_a_deletion_waits_while_a_set_is_prepared(self, project: Project, later: Any) -> None:
        mine = retained.stored_set(project, retained.pictures("one"))
        purge(project, "training_set", mine)
        making = retained.training_set(project, state="preparing")
        drain()
        assert len(retained.stored(f"{keys.project_prefix(project)}blobs/")) == 1
        assert Deletion.objects.count() == 3
        TrainingSet.objects.filter(pk=making.pk).update(state="failed")
        later(collect.RETRY + timedelta(seconds=1))
        drain()
        assert retained.stored(keys.project_prefix(project)) == []
        assert Deletion.objects.count() == 0

    def test_a_store_that_does_not_answer_costs_a_delay(
        self, project: Project, settings: Any, caplog: pytest.LogCaptureFixture
    ) -> None:
        mine = retained.stored_set(project, retained.pictures("one"))
        purge(project, "training_set", mine)
        good = settings.AXONS_S3
        settings.AXONS_S3 = {**good, "endpoint": "http://127.0.0.1:1"}
        assert collect.deletions_drain(limit=1) == 0
        assert "could not be cleared" in caplog.text
        settings.AXONS_S3 = good
        Deletion.objects.update(not_before=timezone.now())
        drain()
        assert retained.stored(keys.project_prefix(project)) == []


@pytest.mark.django_db
@pytest.mark.needs_s3
class TestAge:
    def test_the_furthest_checkpoint_stays_and_the_others_go_after_7_days(
        self, project: Project, capsys: pytest.CaptureFixture[str]
    ) -> None:
        week = timedelta(days=7, minutes=1)
        old, fresh = retained.run(project, over_for=week), retained.run(project, over_for=6 * DAY)
        running = retained.run(project, state="running")
        for job in (old, fresh, running):
            for step in (1, 2, 3):
                retained.checkpoint(job, step, age=2 * week, stored=True)
        call_command("sweep", "--dry-run")
        assert "2 checkpoints of jobs over for 7 days, 8 bytes" in capsys.readouterr().out
        assert ages.checkpoints_sweep() == ages.Swept(2, 8)
        assert ages.checkpoints_sweep().count == 0
        assert drain() == 2
        kept = set(Checkpoint.objects.values_list("job", "step"))
        assert kept == {(old.pk, 3), *((job.pk, step) for job in (fresh, running) for step in (1, 2, 3))}
        assert len(retained.stored(keys.project_prefix(project))) == 7
        assert objects.exists(Checkpoint.objects.get(job=old).key)

    def test_tmp_is_cleared_after_a_day_but_for_what_still_waits(self, project: Project, later: Any) -> None:
        waiting = Upload.objects.create(
            project=project, purpose="training_set", name="a.jpg", content_type="image/jpeg", bytes=1, key=""
        )
        mine = keys.tmp_key(waiting)
        gone = ["tmp/2020-01-01/exports/set.zip", f"tmp/2020-01-01/{project.pk}/file"]
        for key in [mine, *gone]:
            objects.put_bytes(key, b"x", "image/jpeg")
        later(DAY - timedelta(minutes=1))
        assert ages.tmp_sweep().count == 0
        later(timedelta(minutes=2))
        assert ages.tmp_sweep(dry_run=True) == ages.Swept(2, 2)
        assert ages.tmp_sweep() == ages.Swept(2, 2)
        assert retained.stored("") == [mine]

    def test_uploads_in_parts_that_were_left_are_given_up_after_a_day(self, project: Project, later: Any) -> None:
        objects.client().create_multipart_upload(Bucket=objects.bucket(), Key="tmp/2020-01-01/x/file")
        assert ages.multiparts_sweep() == 0
        later(DAY + timedelta(minutes=1))
        assert ages.multiparts_sweep() == 1
        assert ages.multiparts_sweep() == 0

    def test_an_upload_that_a_job_or_a_set_waits_for_is_not_old(
        self, project: Project, ben: Caller, later: Any
    ) -> None:
        ben.open()
        rows = [
            Upload.objects.create(
                project=owner, purpose="prediction", name="a.jpg", content_type="image/jpeg", bytes=1, key=f"tmp/{n}"
            )
            for n, owner in enumerate([project, project, ben.project()])
        ]
        for each in rows:
            retained.age(each, 2 * DAY)
        retained.run(project, kind="inference", state="queued", upload=rows[0])
        retained.training_set(ben.project(), state="preparing")
        sweep_run(seconds=5)
        assert set(Upload.objects.values_list("pk", flat=True)) == {rows[0].pk, rows[2].pk}

    def test_one_run_of_the_sweeper_does_it_all(
        self, project: Project, later: Any, capsys: pytest.CaptureFixture[str]
    ) -> None:
        mine = retained.stored_set(project, retained.pictures("one"))
        trash.trash_put(project=project, kind="training_set", object_id=mine.pk, by="anna")
        objects.put_bytes("tmp/2020-01-01/exports/set.zip", b"x", "application/zip")
        objects.put_bytes(f"{keys.project_prefix(project)}models/{project.pk}/x", b"x", "image/jpeg")
        later(15 * DAY)
        call_command("sweep", "--seconds", "20")
        said = capsys.readouterr().out
        assert "trash: 1\n" in said
        assert "deletions: 5\n" in said
        assert "tmp: 1\n" in said
        assert "orphans: 1\n" in said
        assert retained.stored("") == [ownership.KEY]

    def test_a_rule_that_fails_does_not_stop_the_others(
        self, project: Project, later: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        objects.put_bytes("tmp/2020-01-01/exports/set.zip", b"x", "application/zip")

        def broken() -> int:
            raise RuntimeError("no")

        monkeypatch.setattr(ages, "courses_sweep", broken)
        later(2 * DAY)
        assert sweep_run(seconds=5)["tmp"] == 1
        assert "the sweeper's rule courses failed" in caplog.text


@pytest.mark.django_db
def test_a_prefix_that_is_no_projects_is_never_collected(course: Lms, anna: Caller) -> None:
    anna.open()
    project = anna.project()
    for prefix in ("", "sites/", f"sites/{course.site.pk}/library/", f"sites/1/projects/{builders.USAGE}/"):
        with pytest.raises(ValueError, match="is not below the prefix"):
            collect.prefix_collect(project_id=project.pk, prefix=prefix)
