"""Every list: the same number of queries for 10 and for 10,000 rows, and an index behind every hot query."""

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from axons_service.exercises.models import Project, Spec
from axons_service.grading.models import AuditEntry, DeskTask, GradeDelivery, Review, Submission
from axons_service.jobs import selectors
from axons_service.jobs.models import Event, Job, Model, Prediction, PredictionBatch
from axons_service.operations.contract import documented
from axons_service.operations.openapi import document
from axons_service.storage.models import Trash
from axons_service.training_sets.models import LeakageCheck, TrainingSet, Upload
from tests.service import builders
from tests.service.builders import Caller
from tests.service.jobs.conftest import World

pytestmark = pytest.mark.django_db
FEW, MANY = 10, 10_000


class Filled:
    """Fills the world with rows, without asking for each."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.anna = Caller(world.lms)
        self.grader = Caller(world.lms, learner="greta", role="grader")
        self.author = Caller(world.lms, learner="arthur", role="author")
        self.model = builders.model(world.project)
        spec = world.project.spec
        Spec.objects.filter(pk=spec.pk).update(body={**spec.body, "leaderboard": True})

    def jobs(self, count: int, project: Project | None = None, **values: Any) -> list[Job]:
        owner = project or self.world.project
        fresh: dict[str, Any] = {"kind": Job.Kind.TRAINING, "state": Job.State.SUCCEEDED, "time_limit_seconds": 60}
        return Job.objects.bulk_create(
            Job(
                project=owner,
                spec=owner.spec,
                pool=self.world.pool,
                idempotency_key=uuid.uuid4().hex,
                request_sha256="0" * 64,
                **{**fresh, **values},
            )
            for _ in range(count)
        )

    def project(self, count: int) -> None:
        """A project that was used a lot."""
        world = self.world
        jobs = self.jobs(count, training_set=world.training_set)
        Model.objects.bulk_create(
            Model(site=world.lms.site, project=world.project, job=job, source="trained", title="m") for job in jobs
        )
        inferences = self.jobs(count, kind=Job.Kind.INFERENCE, model=self.model)
        Prediction.objects.bulk_create(
            Prediction(job=job, model=self.model, file="a.jpg", probabilities=[], seconds=1) for job in inferences
        )
        PredictionBatch.objects.bulk_create(
            PredictionBatch(job=job) for job in self.jobs(count, kind=Job.Kind.INFERENCE, model=self.model)
        )
        newest = TrainingSet.objects.filter(project=world.project).order_by("-version").first()
        first = newest.version + 1 if newest else 1
        TrainingSet.objects.bulk_create(
            TrainingSet(site=world.lms.site, project=world.project, kind="project", title="s", version=version)
            for version in range(first, first + count)
        )
        self.submissions(count, project=world.project)
        Trash.objects.bulk_create(
            Trash(project=world.project, kind="job", object_id=uuid.uuid4(), title="t", expires_at=timezone.now())
            for _ in range(count)
        )
        Upload.objects.bulk_create(
            Upload(project=world.project, purpose="training_set", name="a.jpg", bytes=1, key=uuid.uuid4().hex)
            for _ in range(count)
        )
        made = TrainingSet.objects.filter(project=world.project).order_by("-version")[:count]
        LeakageCheck.objects.bulk_create(
            (LeakageCheck(training_set=each, hidden=world.training_set, exact=1, near=0) for each in made),
            ignore_conflicts=True,
        )
        Event.objects.bulk_create(
            Event(project=world.project, job=jobs[0], seq=seq, kind="metrics", data={"split": "train", "step": seq})
            for seq in range(1, count + 1)
        )
        self.job = jobs[0]

    def submissions(self, count: int, project: Project | None = None) -> None:
        owners = [project] * count if project else self.projects(count)
        for owner in owners[:1]:
            assert owner is not None
        jobs = Job.objects.bulk_create(
            Job(
                project=owner,
                spec=self.world.project.spec,
                pool=self.world.pool,
                kind=Job.Kind.EVALUATION,
                state=Job.State.SUCCEEDED,
                idempotency_key=uuid.uuid4().hex,
                request_sha256="0" * 64,
                time_limit_seconds=60,
            )
            for owner in owners
        )
        made = Submission.objects.bulk_create(
            Submission(
                project=job.project,
                model=self.model,
                job=job,
                spec=job.spec,
                state="scored",
                metric="accuracy",
                idempotency_key=uuid.uuid4().hex,
                automatic_score=0.5,
                final_score=0.5,
            )
            for job in jobs
        )
        self.submission = made[0]
        AuditEntry.objects.bulk_create(AuditEntry(submission=each, actor="greta", action="review") for each in made)
        DeskTask.objects.bulk_create(
            DeskTask(exercise=self.world.project.exercise, kind="csv", state="done", before=timezone.now())
            for _ in made
        )
        Review.objects.bulk_create(
            Review(submission=each, grader="greta", comment="good", idempotency_key=uuid.uuid4().hex) for each in made
        )
        start = GradeDelivery.objects.count()
        GradeDelivery.objects.bulk_create(
            GradeDelivery(
                project=each.project,
                submission=each,
                revision=start + number,
                score=0.5,
                reason="scored",
                due_at=timezone.now(),
            )
            for number, each in enumerate(made, 1)
        )

    def everything(self, count: int) -> None:
        self.project(count)
        self.library(count)

    def page(self, noun: str) -> Any:
        return self.anna.get(f"/projects/{self.world.project.pk}/{noun}")

    def projects(self, count: int) -> list[Project]:
        mine = self.world.project
        return Project.objects.bulk_create(
            Project(exercise=mine.exercise, spec=mine.spec, learner=uuid.uuid4().hex) for _ in range(count)
        )

    def library(self, count: int) -> None:
        TrainingSet.objects.bulk_create(
            TrainingSet(site=self.world.lms.site, kind="starter", name=uuid.uuid4().hex, title="s", state="ready")
            for _ in range(count)
        )


@pytest.fixture
def filled(world: World) -> Filled:
    return Filled(world)


def counts_known() -> None:
    """Let the planner know how many rows there are, as autovacuum does within a minute of their coming."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")


Ask = Callable[[Filled], Any]
LISTS: dict[str, Ask] = {
    "submissions_list": lambda filled: filled.grader.get("/submissions", sort="score_high", min_score=0.1),
    "desk_submission": lambda filled: filled.grader.get(f"/submissions/{filled.submission.pk}/desk"),
    "desk_tasks_list": lambda filled: filled.grader.get("/desk/tasks"),
    "projects_read": lambda filled: filled.anna.get(f"/projects/{filled.world.project.pk}"),
    "project_events": lambda filled: filled.page("events"),
    "project_jobs": lambda filled: filled.page("jobs"),
    "project_models": lambda filled: filled.page("models"),
    "project_predictions": lambda filled: filled.page("predictions"),
    "project_training_sets": lambda filled: filled.page("training-sets"),
    "job_metrics": lambda filled: filled.anna.get(f"/jobs/{filled.job.pk}/metrics"),
    "leaderboard": lambda filled: filled.anna.get("/leaderboard"),
    "library": lambda filled: filled.author.get("/library"),
    "overview": lambda filled: filled.grader.get("/overview"),
    "overview_learners": lambda filled: filled.grader.get("/overview/learners"),
    "leakage_list": lambda filled: filled.grader.get("/leakage"),
    "trash_list": lambda filled: filled.page("trash"),
    "uploads_list": lambda filled: filled.anna.get("/uploads"),
}
ONE_ROW = {
    "desk_tasks_read",
    "exports_read",
    "job",
    "job_batch",
    "model",
    "prediction",
    "project_stream",
    "submissions_read",
    "training_sets_leakage",
    "training_sets_read",
    "workshop_publication",
}
# a page of a manifest or a report, or a whole log: no query depends on its length
FROM_THE_STORE = {"hidden_test_set_read", "job_log", "training_sets_images", "training_sets_report"}


def test_every_operation_that_lists_is_among_them() -> None:
    reads = {each["operationId"] for _, method, each in documented(document()) if method == "get"}
    missing = reads - set(LISTS) - ONE_ROW - FROM_THE_STORE
    assert not missing, f"{missing}: add it to LISTS of this test, or to ONE_ROW when it reads one thing."


@pytest.mark.parametrize("noun", ["jobs", "models", "predictions", "training-sets"])
def test_every_row_of_a_project_is_on_exactly_one_page(filled: Filled, ben: Caller, noun: str) -> None:
    filled.project(7)
    path = f"/projects/{filled.world.project.pk}/{noun}"
    seen: list[str] = []
    query: dict[str, str] = {}
    while True:
        page = filled.anna.get(path, limit=3, **query).json()
        assert len(page["results"]) <= 3
        seen += [row["id"] for row in page["results"]]
        if page["next"] is None:
            break
        query = {"cursor": page["next"]}
    assert len(seen) == len(set(seen)) >= 7
    assert filled.anna.get(path, limit=200).json()["next"] is None
    assert seen == [row["id"] for row in filled.anna.get(path, limit=200).json()["results"]]
    assert ben.get(path).status_code == 404
    elsewhere = f"/projects/{filled.world.project.pk}/{'jobs' if noun != 'jobs' else 'models'}"
    assert filled.anna.get(elsewhere, **query).json()["code"] == "cursor_invalid"


@pytest.mark.slow
def test_ten_thousand_rows_cost_no_more_queries_than_ten(filled: Filled) -> None:
    def costs() -> dict[str, int]:
        counted = {}
        for name, ask in LISTS.items():
            with CaptureQueriesContext(connection) as queries:
                answer = ask(filled)
            assert answer.status_code == 200, (name, answer.content)
            counted[name] = len(queries)
        return counted

    filled.everything(FEW)
    few = costs()
    filled.everything(MANY)
    counts_known()
    assert costs() == few


@pytest.mark.slow
@pytest.mark.only_postgres
def test_hot_queries_use_an_index(filled: Filled) -> None:
    """EXPLAIN over 10,000 rows beside those that are asked for; a whole table is never read."""
    filled.project(FEW)
    filled.submissions(MANY)
    others = filled.projects(1)
    filled.jobs(MANY, project=others[0])
    Event.objects.bulk_create(Event(project=others[0], kind="log", data={}) for _ in range(MANY))
    mine = filled.world.project
    from axons_service.grading.selectors import submissions

    hot = {
        "events of a project": Event.objects.filter(project=mine, pk__gt=0).order_by("pk")[:500],
        "events of a job": Event.objects.filter(job=filled.job, kind__in=["metrics"]).order_by("seq"),
        "jobs of a project": selectors.jobs().filter(project=mine).order_by("-created_at")[:50],
        "submissions of a project": submissions().filter(project=mine).order_by("-created_at", "-id")[:50],
        "claimable jobs": Job.objects.filter(pool=filled.world.pool, state="dispatched"),
        "due deliveries": GradeDelivery.objects.filter(state="due", due_at__lte=timezone.now()).order_by("due_at")[
            :100
        ],
        "a repeated job": Job.objects.filter(project=mine, idempotency_key="k"),
    }
    counts_known()
    for name, query in hot.items():
        plan = query.explain()
        for table in ("axons_jobs_event", "axons_jobs_job", "axons_grading_submission", "axons_grading_gradedelivery"):
            assert f"Seq Scan on {table}" not in plan, f"{name}:\n{plan}"
