"""Nobody stores more than their room, at 80 % the page says so, and nothing that was made is lost."""

import threading
from typing import Any

import pytest
from django.db import connection, connections

from axons_service.exercises.models import Project
from axons_service.jobs.models import Job
from axons_service.operations.problems import Problem
from axons_service.operations.retention import quotas, trash
from axons_service.operations.retention.quotas import bytes_text
from axons_service.storage.models import CoursePolicy
from axons_service.training_sets.models import Upload
from axons_service.training_sets.uploads import uploads_declare
from tests.service import builders
from tests.service.builders import Caller, Lms
from tests.service.operations import retained
from tests.service.operations.retained import MIB


@pytest.fixture
def project(course: Lms, anna: Caller, settings: Any) -> Project:
    settings.AXONS_LEARNER_QUOTA_BYTES = 100 * MIB
    settings.AXONS_COURSE_QUOTA_BYTES = 0
    anna.open()
    return anna.project()


def offers(count: int, size: int = 10 * MIB) -> list[Any]:
    return [{"name": f"{n}.jpg", "bytes": size, "content_type": "image/jpeg"} for n in range(count)]


def ask(caller: Caller, count: int) -> Any:
    return caller.post("/uploads", {"files": offers(count), "purpose": "training_set"})


def storage(caller: Caller, project: Project) -> Any:
    return caller.get(f"/projects/{project.pk}").json()["storage"]


@pytest.mark.django_db
class TestLearner:
    def test_every_thing_counts_once(self, project: Project) -> None:
        model = retained.model(project, stored_bytes=1)
        assert model.job is not None
        retained.training_set(project, stored_bytes=10)
        retained.checkpoint(model.job, 1, size=100)
        retained.run(project, kind="inference", model=model, stored_bytes=1000)
        uploads_declare(project=project, purpose="prediction", files=offers(1, 10_000))
        assert quotas.used_bytes(project=project) == 11_111

    def test_the_last_byte_fits_and_the_next_does_not(self, anna: Caller, project: Project) -> None:
        retained.training_set(project, stored_bytes=80 * MIB)
        assert ask(anna, 2).status_code == 201
        refused = retained.read(ask(anna, 1), 409)
        assert refused["code"] == "storage_full"
        assert refused["detail"] == (
            "Your pictures, runs and models here fill 100 MiB of 100 MiB, and this needs 10 MiB more. Nothing is lost. "
            "Delete training sets, runs or models that you no longer need, then empty the trash; then try again."
        )
        assert Upload.objects.count() == 2

    @pytest.mark.parametrize(("used", "level"), [(79, "ok"), (80, "near"), (99, "near"), (100, "full"), (150, "full")])
    def test_the_page_says_how_full_it_is(self, anna: Caller, project: Project, used: int, level: str) -> None:
        retained.training_set(project, stored_bytes=used * MIB)
        shown = storage(anna, project)
        assert shown["level"] == level
        assert shown["used_bytes"] == used * MIB
        assert shown["quota_bytes"] == 100 * MIB
        if level == "ok":
            assert shown["message"] is None
        else:
            assert f"fill {used} MiB of 100 MiB" in shown["message"]

    def test_what_is_in_the_trash_counts_until_it_is_deleted(self, anna: Caller, project: Project) -> None:
        gone = retained.training_set(project, stored_bytes=100 * MIB)
        entry = trash.trash_put(project=project, kind="training_set", object_id=gone.pk, by="anna")[0]
        shown = storage(anna, project)
        assert (shown["level"], shown["trash_bytes"]) == ("full", 100 * MIB)
        refused = retained.read(ask(anna, 1), 409)
        assert "empty the trash, which holds 100 MiB of it" in refused["detail"]
        trash.trash_purge(entry=entry)
        assert storage(anna, project)["used_bytes"] == 0
        assert ask(anna, 1).status_code == 201

    def test_a_full_project_trains_no_more_but_is_handed_in(self, anna: Caller, project: Project) -> None:
        training_set = retained.training_set(project, stored_bytes=100 * MIB)
        model = retained.model(project)
        body = {"kind": "training", "training_set": str(training_set.pk), "hyperparameters": {}}
        assert retained.read(anna.post("/jobs", body, key="k1"), 409)["code"] == "storage_full"
        assert Job.objects.filter(idempotency_key="k1").count() == 0
        assert anna.post("/submissions", {"model": str(model.pk)}, key="k2").status_code == 201

    def test_a_repeated_request_gets_its_job_also_when_the_room_is_full_now(
        self, anna: Caller, project: Project
    ) -> None:
        training_set = retained.training_set(project)
        body = {"kind": "training", "training_set": str(training_set.pk), "hyperparameters": {}}
        first = retained.read(anna.post("/jobs", body, key="k1"), 201)
        retained.training_set(project, stored_bytes=100 * MIB)
        assert retained.read(anna.post("/jobs", body, key="k1"), 201)["id"] == first["id"]

    def test_an_operators_word_for_a_course_wins(self, anna: Caller, project: Project) -> None:
        retained.training_set(project, stored_bytes=100 * MIB)
        policy = CoursePolicy.objects.create(
            site=anna.lms.site, course_key=builders.COURSE, learner_quota_bytes=110 * MIB
        )
        assert ask(anna, 1).status_code == 201
        assert ask(anna, 1).status_code == 409
        CoursePolicy.objects.filter(pk=policy.pk).update(learner_quota_bytes=0)
        assert ask(anna, 9).status_code == 201
        shown = storage(anna, project)
        assert (shown["level"], shown["quota_bytes"]) == ("ok", None)

    def test_other_projects_do_not_count(self, anna: Caller, ben: Caller, project: Project) -> None:
        ben.open()
        retained.training_set(ben.project(), stored_bytes=100 * MIB)
        assert ask(anna, 1).status_code == 201

    def test_the_page_costs_the_same_for_many_rows(
        self, anna: Caller, project: Project, django_assert_num_queries: Any
    ) -> None:
        from django.test.utils import CaptureQueriesContext

        counted = []
        for _ in range(2):
            with CaptureQueriesContext(connection) as queries:
                quotas.storage_state(project)
            counted.append(len(queries))
            for _ in range(30):
                retained.model(project, stored_bytes=1)
        assert counted[0] == counted[1]
        assert counted[0] <= 3


@pytest.mark.django_db
class TestCourse:
    @pytest.fixture(autouse=True)
    def _quota(self, project: Project, settings: Any) -> None:
        settings.AXONS_COURSE_QUOTA_BYTES = 150 * MIB

    def test_all_learners_share_the_courses_room(self, anna: Caller, ben: Caller, project: Project) -> None:
        ben.open()
        retained.training_set(ben.project(), stored_bytes=90 * MIB)
        assert ask(anna, 6).status_code == 201
        refused = retained.read(ask(anna, 1), 409)
        assert refused["code"] == "course_storage_full"
        assert "fills 150 MiB of the 150 MiB of this course, and this needs 10 MiB more" in refused["detail"]
        assert "tell your educator" in refused["detail"]

    def test_the_page_knows_the_course_from_its_last_count(self, anna: Caller, ben: Caller, project: Project) -> None:
        ben.open()
        retained.training_set(ben.project(), stored_bytes=99 * MIB)
        ask(anna, 2)
        ask(anna, 1)
        assert storage(anna, project)["level"] == "ok"
        ask(anna, 1)
        shown = storage(anna, project)
        assert shown["level"] == "near"
        assert "of this course" in shown["message"]

    def test_an_old_count_refuses_nobody(self, anna: Caller, project: Project) -> None:
        CoursePolicy.objects.create(site=anna.lms.site, course_key=builders.COURSE, used_bytes=150 * MIB)
        quotas.quota_check(project=project)
        retained.training_set(project, stored_bytes=10 * MIB)
        CoursePolicy.objects.update(used_bytes=150 * MIB, course_quota_bytes=5 * MIB)
        with pytest.raises(Problem, match="of the 5 MiB of this course"):
            quotas.quota_check(project=project)

    def test_another_course_and_another_site_have_their_own(self, anna: Caller, project: Project) -> None:
        other = Caller(builders.lms("other"))
        builders.library_set(other.lms.site, "hidden", "hidden-pets")
        other.open()
        retained.training_set(other.project(), stored_bytes=150 * MIB)
        assert ask(anna, 9).status_code == 201


@pytest.mark.django_db(transaction=True)
def test_uploads_at_the_same_time_do_not_overshoot(project: Project) -> None:
    answers: list[str] = []
    ready = threading.Barrier(8)

    def upload() -> None:
        ready.wait(10)
        try:
            uploads_declare(project=project, purpose="training_set", files=offers(3))
            answers.append("taken")
        except Problem as problem:
            answers.append(problem.problem_code)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=upload) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(answers) == ["storage_full"] * 5 + ["taken"] * 3
    assert quotas.used_bytes(project=project) == 90 * MIB


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 bytes"), (1023, "1023 bytes"), (1024, "1 KiB"), (1536 * 1024, "1.5 MiB"), (2 * 1024**3, "2 GiB")],
)
def test_sizes_are_written_as_people_read_them(count: int, text: str) -> None:
    assert bytes_text(count) == text
