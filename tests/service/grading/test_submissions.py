"""Handing in, being scored, being reviewed."""

import threading
from typing import Any

import pytest
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st

from axons_service.exercises.grading_rules import threshold_score
from axons_service.grading import services
from axons_service.grading.models import GradeDelivery, Review, Submission
from axons_service.jobs.models import Event, Job, Model
from axons_service.operations.problems import Problem
from tests.service import builders
from tests.service.builders import Caller, Lms

pytestmark = pytest.mark.django_db


@pytest.fixture
def learner(course: Lms, anna: Caller) -> Caller:
    anna.open()
    return anna


def hand_in(caller: Caller, *, key: str = "k", model: Model | None = None) -> Any:
    chosen = model or builders.model(caller.project())
    return caller.post("/submissions", {"model": str(chosen.pk)}, key=key)


def score(submission_id: str, accuracy: float) -> None:
    metrics = {"accuracy": accuracy, "confusion_matrix": [[5, 0], [0, 5]], "count": 10}
    services.submission_score(job=Submission.objects.get(pk=submission_id).job, result={"metrics": metrics})


def scored(caller: Caller, accuracy: float, *, key: str) -> str:
    submission = str(hand_in(caller, key=key).json()["id"])
    score(submission, accuracy)
    return submission


def fail(submission_id: str) -> None:
    job = Submission.objects.get(pk=submission_id).job
    Job.objects.filter(pk=job.pk).update(failure_class="infrastructure", failure_message="Our fault.")
    services.submission_fail(job=job, failure_class="infrastructure", message="Our fault.")


def test_a_submission_is_scored_by_its_thresholds(learner: Caller) -> None:
    handed_in = hand_in(learner)
    assert (handed_in.status_code, handed_in.json()["state"]) == (201, "scoring")
    job = Job.objects.get(pk=handed_in.json()["job"])
    assert (job.kind, job.training_set.name) == ("evaluation", "hidden-pets")  # type: ignore[union-attr]
    score(handed_in.json()["id"], 0.93)
    shown = learner.get(f"/submissions/{handed_in.json()['id']}").json()
    assert (shown["state"], shown["value"], shown["score"], shown["revision"]) == ("scored", 0.93, 1.0, 1)
    assert "confusion_matrix" not in shown
    state = learner.get(f"/projects/{learner.project().pk}").json()
    assert (state["best_score"], state["tries"]) == (1.0, {"used": 1, "max": 3, "left": 2})


def test_whoever_watches_hears_of_each_step(learner: Caller) -> None:
    scored(learner, 0.6, key="k")
    heard = [event.data["submission"]["state"] for event in Event.objects.filter(kind="submission").order_by("pk")]
    assert heard == ["scoring", "scored"]


def test_only_scored_submissions_use_a_try(learner: Caller) -> None:
    fail(hand_in(learner, key="lost").json()["id"])
    for number in range(3):
        scored(learner, 0.6, key=f"k{number}")
    refusal = hand_in(learner, key="one-more")
    assert (refusal.status_code, refusal.json()["code"]) == (409, "no_tries_left")
    assert refusal.json()["detail"] == "You have used all 3 tries of this exercise."
    lost = Submission.objects.get(idempotency_key="lost")
    shown = learner.get(f"/submissions/{lost.pk}").json()
    assert (shown["state"], shown["failure"]) == ("failed", {"class": "infrastructure", "message": "Our fault."})


def test_what_is_being_scored_keeps_its_try_back(learner: Caller) -> None:
    waiting = [hand_in(learner, key=f"k{number}").json()["id"] for number in range(3)]
    assert hand_in(learner, key="k3").json()["code"] == "no_tries_left"
    fail(waiting[0])
    assert hand_in(learner, key="k3").status_code == 201


@pytest.mark.django_db(transaction=True)
def test_two_clicks_at_once_cannot_share_the_last_try(course: Lms, anna: Caller) -> None:
    anna.open(builders.spec(max_tries=1))
    model = builders.model(anna.project())
    ready = threading.Barrier(3)
    codes: list[int] = []

    def click(number: int) -> None:
        ready.wait()
        try:
            codes.append(hand_in(Caller(course), key=f"k{number}", model=model).status_code)
        finally:
            connections.close_all()

    clicks = [threading.Thread(target=click, args=[number]) for number in range(3)]
    for each in clicks:
        each.start()
    for each in clicks:
        each.join()
    assert sorted(codes) == [201, 409, 409]


def test_the_same_key_hands_in_once(learner: Caller) -> None:
    model = builders.model(learner.project())
    first, second = hand_in(learner, model=model), hand_in(learner, model=model)
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json()["id"] == second.json()["id"]
    other = hand_in(learner)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_mismatch")


def test_only_ones_own_whole_and_fitting_models_can_be_handed_in(learner: Caller, ben: Caller) -> None:
    ben.open()
    assert hand_in(learner, model=builders.model(ben.project()), key="a").status_code == 404
    assert hand_in(learner, model=builders.model(learner.project(), state=Job.State.FAILED), key="b").status_code == 404
    refusal = hand_in(learner, model=builders.model(learner.project(), classes=["sun", "moon"]), key="c")
    assert (refusal.status_code, refusal.json()["code"]) == (422, "model_classes_differ")
    assert not Submission.objects.exists()


def test_an_exercise_without_grading_takes_no_submission(course: Lms, anna: Caller) -> None:
    anna.open(builders.spec(grading=None))
    assert hand_in(anna).json()["code"] == "not_graded"


def test_a_result_without_the_metric_is_refused_and_scores_nothing(learner: Caller) -> None:
    submission = Submission.objects.get(pk=hand_in(learner).json()["id"])
    for metrics in ({}, {"accuracy": None}, {"accuracy": float("nan")}, {"accuracy": 1.5}, {"accuracy": True}):
        with pytest.raises(Problem):
            services.submission_score(job=submission.job, result={"metrics": metrics})
    submission.refresh_from_db()
    assert submission.state == "scoring"


def test_scoring_twice_queues_one_grade(learner: Caller) -> None:
    submission = scored(learner, 0.6, key="k")
    score(submission, 0.95)
    assert GradeDelivery.objects.get().score == 0.5


def test_the_best_score_counts_and_revisions_increase(learner: Caller) -> None:
    for number, accuracy in enumerate([0.6, 0.95, 0.2]):
        scored(learner, accuracy, key=f"k{number}")
    deliveries = GradeDelivery.objects.order_by("revision").values_list("revision", "score", "state")
    assert list(deliveries) == [(1, 0.5, "superseded"), (2, 1.0, "superseded"), (3, 1.0, "due")]


def test_an_override_stands_for_its_submission_and_can_be_cleared(learner: Caller, grader: Caller) -> None:
    best, other = scored(learner, 0.95, key="a"), scored(learner, 0.6, key="b")

    def review(submission: str, **body: Any) -> Any:
        return grader.post(f"/submissions/{submission}/reviews", body, key=f"r{Review.objects.count()}")

    lowered = review(best, score=0.1, comment="not your own work")
    assert (lowered.status_code, lowered.json()["score"], lowered.json()["automatic_score"]) == (201, 0.1, 1.0)
    assert GradeDelivery.objects.latest("revision").score == 0.5  # the other submission is now the best
    review(other, score=0.8)
    assert GradeDelivery.objects.latest("revision").score == 0.8
    review(other, comment="only words")
    assert GradeDelivery.objects.latest("revision").score == 0.8
    assert review(best, clear=True).json()["score"] == 1.0
    newest = GradeDelivery.objects.latest("revision")
    assert (newest.score, newest.reason, newest.revision) == (1.0, "override", 5)
    assert [line["score"] for line in learner.get(f"/submissions/{best}").json()["reviews"]] == [0.1, None]


def test_reviews_are_repeated_safely_and_contradictions_refused(learner: Caller, grader: Caller) -> None:
    submission = scored(learner, 0.6, key="k")
    path = f"/submissions/{submission}/reviews"
    for _ in range(2):
        assert grader.post(path, {"score": 0.7}, key="r").status_code == 201
    assert Review.objects.count() == 1
    assert grader.post(path, {"score": 0.9}, key="r").json()["code"] == "idempotency_mismatch"
    assert grader.post(path, {"score": 0.9, "clear": True}, key="s").json()["code"] == "review_contradicts"
    assert grader.post(path, {}, key="t").json()["code"] == "review_empty"
    assert grader.post(path, {"score": 1.1}, key="u").status_code == 400


def test_an_unscored_submission_takes_comments_only(learner: Caller, grader: Caller) -> None:
    path = f"/submissions/{hand_in(learner).json()['id']}/reviews"
    assert grader.post(path, {"score": 1}, key="a").json()["code"] == "not_scored"
    assert grader.post(path, {"comment": "looks good"}, key="b").status_code == 201


def test_learners_are_not_told_who_graded(learner: Caller, grader: Caller) -> None:
    submission = scored(learner, 0.6, key="k")
    grader.post(f"/submissions/{submission}/reviews", {"score": 0.7}, key="r")
    assert learner.get(f"/submissions/{submission}").json()["reviews"][0]["grader"] == ""
    shown = grader.get(f"/submissions/{submission}").json()
    assert shown["reviews"][0]["grader"] == "greta"
    assert shown["confusion_matrix"] == [[5, 0], [0, 5]]


def test_learners_and_other_exercises_staff_see_no_submission(learner: Caller, ben: Caller, course: Lms) -> None:
    submission = scored(learner, 0.6, key="k")
    ben.open()
    stranger = Caller(course, learner="greta", role="grader", usage=builders.USAGE + "-two")
    for caller in (ben, stranger):
        assert caller.get(f"/submissions/{submission}").status_code == 404
    assert stranger.post(f"/submissions/{submission}/reviews", {"score": 1}, key="r").status_code == 404
    assert stranger.get("/submissions").json()["results"] == []
    assert stranger.get("/submissions", usage=builders.USAGE).json()["code"] == "other_exercise"


def test_the_staff_list_is_paged_and_costs_a_constant_number_of_queries(course: Lms, grader: Caller) -> None:
    def costs(learners: int, start: int) -> int:
        for number in range(start, start + learners):
            caller = Caller(course, learner=f"learner-{number}")
            caller.open()
            submission = scored(caller, 0.6, key="k")
            grader.post(f"/submissions/{submission}/reviews", {"score": 0.7}, key="r")
        with CaptureQueriesContext(connection) as queries:
            assert grader.get("/submissions", usage=builders.USAGE).status_code == 200
        return len(queries)

    few = costs(1, 0)
    assert costs(6, 1) == few
    seen: list[str] = []
    cursor: dict[str, str] = {}
    page_cursor = ""
    while True:
        page = grader.get("/submissions", limit=3, **cursor).json()
        assert len(page["results"]) <= 3
        seen += [line["learner"] for line in page["results"]]
        if page["next"] is None:
            break
        page_cursor = page["next"]
        cursor = {"cursor": page_cursor}
    assert seen == [f"learner-{number}" for number in reversed(range(7))]
    for wrong in ("bonjour", "\x00", page_cursor[:-1], page_cursor + "x"):
        assert grader.get("/submissions", cursor=wrong).status_code == 400
    elsewhere = Caller(course, learner="greta", role="grader", usage=f"{builders.USAGE}-other")
    assert elsewhere.get("/submissions", cursor=page_cursor).json()["code"] == "cursor_invalid"
    for limit in (0, 201, "many"):
        assert grader.get("/submissions", limit=limit).json()["code"] == "invalid_request"


shares = st.floats(0, 1)


@given(st.lists(st.tuples(shares, shares), min_size=1, max_size=8), shares, shares, st.sampled_from(["steps", "line"]))
def test_a_higher_metric_never_scores_lower(
    pairs: list[tuple[float, float]], one: float, other: float, between: str
) -> None:
    at_least, scores = sorted(pair[0] for pair in pairs), sorted(pair[1] for pair in pairs)
    thresholds = [{"at_least": a, "score": s} for a, s in zip(at_least, scores, strict=True)]
    low, high = sorted([one, other])
    grading = {"thresholds": thresholds, "between": between}
    assert 0 <= threshold_score(grading, low) <= threshold_score(grading, high) <= 1
