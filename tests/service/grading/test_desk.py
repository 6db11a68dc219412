"""The graders' desk: its list, the one submission, reviews by rubric, locks, what is granted, and the audit trail."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from axons_service.grading import services
from axons_service.grading.models import Allowance, AuditEntry, GradeDelivery, Review, Submission
from axons_service.jobs.models import Event, Model
from axons_service.training_sets.models import TrainingSet
from tests.service import builders
from tests.service.builders import Caller, Lms

pytestmark = pytest.mark.django_db
RUBRIC = [
    {"id": "data", "title": "Choice of pictures", "points": 6},
    {"id": "words", "title": "Explanation", "points": 4, "help": "Two sentences."},
]
THRESHOLDS = builders.spec()["grading"]["thresholds"]


def rubric_spec(rule: str = "rubric", **more: Any) -> dict[str, Any]:
    grading = {"metric": "accuracy", "thresholds": THRESHOLDS, "rule": rule, "rubric": RUBRIC, **more}
    return builders.spec(grading=grading, max_tries=1)


def hand_in(caller: Caller, accuracy: float | None = 0.93, *, model: Model | None = None, key: str = "k") -> str:
    chosen = model or builders.model(caller.project())
    made = caller.post("/submissions", {"model": str(chosen.pk)}, key=key)
    assert made.status_code == 201, made.content
    submission = str(made.json()["id"])
    if accuracy is not None:
        job = Submission.objects.get(pk=submission).job
        services.submission_score(
            job=job, result={"metrics": {"accuracy": accuracy, "confusion_matrix": [[5, 0], [0, 5]]}}
        )
    return submission


def review(who: Caller, submission: str, body: dict[str, Any], key: str = "r") -> Any:
    return who.post(f"/submissions/{submission}/reviews", body, key=key)


def points(data: float = 6, words: float = 1) -> dict[str, Any]:
    return {"data": {"points": data, "comment": "Well lit."}, "words": {"points": words}}


@pytest.fixture
def learner(course: Lms, anna: Caller) -> Caller:
    anna.open()
    return anna


@pytest.fixture
def second(campus: Lms) -> Caller:
    return Caller(campus, learner="gustav", role="grader")


def listed(who: Caller, **query: Any) -> list[str]:
    answer = who.get("/submissions", **query)
    assert answer.status_code == 200, answer.content
    return [row["id"] for row in answer.json()["results"]]


def found(who: Caller, **body: Any) -> list[str]:
    answer = who.post("/submissions/search", body)
    assert answer.status_code == 200, answer.content
    return [row["id"] for row in answer.json()["results"]]


def test_the_list_is_filtered_sorted_and_paged(course: Lms, grader: Caller) -> None:
    made = {}
    for name, accuracy in (("a", 0.93), ("b", 0.6), ("c", 0.1), ("d", None)):
        one = Caller(course, learner=name)
        one.open()
        made[name] = hand_in(one, accuracy)
    assert listed(grader) == [made[name] for name in "dcba"]
    assert listed(grader, sort="oldest") == [made[name] for name in "abcd"]
    assert listed(grader, sort="score_high") == [made[name] for name in "abcd"]
    assert listed(grader, sort="score_low") == [made[name] for name in "cbad"]
    assert listed(grader, state="scoring") == [made["d"]]
    assert listed(grader, min_score=0.4, max_score=0.6) == [made["b"]]
    assert found(grader, learners=["a", "c"]) == [made["c"], made["a"]]
    assert found(grader, learners=["a", "c"], sort="oldest") == [made["a"], made["c"]]
    assert found(grader, learners=[]) == []
    assert found(grader) == listed(grader)
    assert listed(grader, needs_review=True) == []
    review(grader, made["b"], {"score": 0.9, "reason": "The light was bad."})
    assert listed(grader, overridden=True) == [made["b"]]
    for sort in ("newest", "oldest", "score_high", "score_low"):
        seen, cursor = [], {}
        while True:
            page = grader.get("/submissions", sort=sort, limit=1, **cursor).json()
            seen += [row["id"] for row in page["results"]]
            if page["next"] is None:
                break
            cursor = {"cursor": page["next"]}
        assert seen == listed(grader, sort=sort)
    stale = grader.get("/submissions", sort="oldest", cursor=grader.get("/submissions", limit=1).json()["next"])
    assert stale.json()["code"] == "cursor_invalid"
    assert grader.get("/submissions", sort="name").status_code == 400
    assert grader.post("/submissions/search", {"learners": ["x"] * 2001}).status_code == 400
    assert Caller(course).post("/submissions/search", {}).status_code == 403


def test_many_without_a_score_are_each_on_one_page(course: Lms, grader: Caller) -> None:
    for number in range(5):
        one = Caller(course, learner=f"l{number}")
        one.open()
        hand_in(one, None)
    for sort in ("score_high", "score_low"):
        first = grader.get("/submissions", sort=sort, limit=3).json()
        rest = grader.get("/submissions", sort=sort, limit=3, cursor=first["next"]).json()
        assert len({row["id"] for row in first["results"] + rest["results"]}) == 5
        assert rest["next"] is None


def test_a_rubric_waits_for_a_grader_who_gives_points(course: Lms, anna: Caller, grader: Caller) -> None:
    anna.open(rubric_spec())
    submission = hand_in(anna)
    assert listed(grader, needs_review=True) == [submission]
    assert not GradeDelivery.objects.exists()
    shown = anna.get(f"/submissions/{submission}").json()
    assert (shown["score"], shown["rule"], [each["id"] for each in shown["rubric"]]) == (
        None,
        "rubric",
        ["data", "words"],
    )
    for wrong in (
        {"data": {"points": 7}, "words": {"points": 1}},
        {"data": {"points": 1}},
        {**points(), "x": {"points": 1}},
    ):
        refusal = review(grader, submission, {"rubric": wrong}, key="wrong")
        assert (refusal.status_code, refusal.json()["code"]) == (422, "rubric_invalid"), wrong
    assert review(grader, submission, {"rubric": points(), "comment": "Fine."}).status_code == 201
    seen = anna.get(f"/submissions/{submission}").json()
    assert (seen["score"], seen["rubric_score"]) == (0.7, 0.7)
    assert seen["reviews"][0]["rubric"]["data"] == {"points": 6, "comment": "Well lit."}
    assert (seen["reviews"][0]["grader"], seen["reviews"][0]["reason"]) == ("", "")
    assert [each.score for each in GradeDelivery.objects.all()] == [0.7]
    assert listed(grader, needs_review=True) == []
    heard = [event.data["submission"]["score"] for event in Event.objects.filter(kind="submission").order_by("pk")]
    assert heard == [None, None, 0.7]


def test_a_mix_needs_both_and_an_override_wins(course: Lms, anna: Caller, grader: Caller) -> None:
    anna.open(rubric_spec("mixed", rubric_share=0.25))
    submission = hand_in(anna, 0.6)
    assert anna.get(f"/submissions/{submission}").json()["score"] is None
    review(grader, submission, {"rubric": points()})
    assert anna.get(f"/submissions/{submission}").json()["score"] == pytest.approx(0.25 * 0.7 + 0.75 * 0.5)
    review(grader, submission, {"score": 0.9, "reason": "Typo in the rubric."}, key="o")
    assert anna.get(f"/submissions/{submission}").json()["score"] == 0.9
    review(grader, submission, {"clear": True}, key="c")
    assert anna.get(f"/submissions/{submission}").json()["score"] == pytest.approx(0.55)


def test_an_unscored_rubric_submission_can_lose_its_override(course: Lms, anna: Caller, grader: Caller) -> None:
    anna.open(rubric_spec())
    submission = hand_in(anna)
    review(grader, submission, {"score": 0.9, "reason": "r"}, key="o")
    assert review(grader, submission, {"clear": True}, key="c").json()["needs_review"] is True
    assert [each.score for each in GradeDelivery.objects.order_by("revision")] == [0.9, 0.0]


def test_a_returned_submission_gives_its_try_back(course: Lms, anna: Caller, grader: Caller) -> None:
    anna.open(builders.spec(max_tries=1))
    submission = hand_in(anna)
    model = builders.model(anna.project())
    assert anna.post("/submissions", {"model": str(model.pk)}, key="more").json()["code"] == "no_tries_left"
    silent = review(grader, submission, {"returns": True})
    assert (silent.status_code, silent.json()["code"]) == (422, "reason_missing")
    returned = review(grader, submission, {"returns": True, "comment": "Add pictures by night."})
    assert returned.status_code == 201
    assert returned.json()["returned_at"]
    assert listed(grader, state="returned") == [submission]
    state = anna.get(f"/projects/{anna.project().pk}").json()
    assert state["tries"] == {"used": 0, "max": 1, "left": 1}
    assert state["submissions"][0]["returned_at"]
    assert anna.post("/submissions", {"model": str(model.pk)}, key="more").status_code == 201


def test_extra_tries_and_an_extension_are_granted_with_a_reason(learner: Caller, grader: Caller) -> None:
    submission = hand_in(learner)
    until = (timezone.now() + timedelta(days=3)).isoformat()
    body = {"extra_tries": 2, "extended_until": until, "reason": ""}
    assert grader.post(f"/submissions/{submission}/allowance", body, key="a").status_code == 400
    granted = grader.post(f"/submissions/{submission}/allowance", {**body, "reason": "Was ill."}, key="a")
    assert granted.json()["allowance"]["extra_tries"] == 2
    state = learner.get(f"/projects/{learner.project().pk}").json()
    assert (state["tries"], state["extended_until"]) == ({"used": 1, "max": 5, "left": 4}, until)
    entry = AuditEntry.objects.get(action="allowance")
    assert (entry.before["extra_tries"], entry.after["extra_tries"], entry.reason) == (0, 2, "Was ill.")
    far = {**body, "reason": "r", "extended_until": (timezone.now() + timedelta(days=3000)).isoformat()}
    assert grader.post(f"/submissions/{submission}/allowance", far, key="b").status_code == 400


def test_one_grades_at_a_time_until_another_takes_over(learner: Caller, grader: Caller, second: Caller) -> None:
    submission = hand_in(learner)
    lock = f"/submissions/{submission}/lock"
    taken = grader.post(lock, {"action": "take"}).json()["lock"]
    assert taken["grader"] == "greta"
    assert grader.post(lock, {"action": "take"}).status_code == 200
    refused = second.post(lock, {"action": "take"})
    assert (refused.status_code, refused.json()["code"]) == (409, "locked")
    assert review(second, submission, {"comment": "Me too."}).json()["code"] == "locked"
    assert second.post(lock, {"action": "release"}).json()["lock"]["grader"] == "greta"
    assert second.post(lock, {"action": "take_over"}).json()["lock"]["grader"] == "gustav"
    assert review(grader, submission, {"comment": "Mine."}).json()["code"] == "locked"
    assert second.post(lock, {"action": "release"}).json()["lock"] is None
    assert review(grader, submission, {"comment": "Mine."}).status_code == 201
    told = list(AuditEntry.objects.order_by("pk").values_list("action", "actor"))
    assert told == [("lock", "greta"), ("take_over", "gustav"), ("release", "gustav"), ("review", "greta")]


def test_a_lock_ends_after_eight_hours(learner: Caller, grader: Caller, second: Caller) -> None:
    submission = hand_in(learner)
    grader.post(f"/submissions/{submission}/lock", {"action": "take"})
    until = Submission.objects.get(pk=submission).locked_until
    assert until is not None
    assert timedelta(hours=7.9) < until - timezone.now() <= timedelta(hours=8)
    Submission.objects.filter(pk=submission).update(locked_until=timezone.now() - timedelta(seconds=1))
    assert grader.get(f"/submissions/{submission}").json()["lock"] is None
    assert second.post(f"/submissions/{submission}/lock", {"action": "take"}).status_code == 200


def test_the_audit_trail_says_who_what_when_before_and_after(learner: Caller, grader: Caller) -> None:
    submission = hand_in(learner)
    body = {"score": 0.4, "reason": "Copied text.", "comment": "See me."}
    first, again = review(grader, submission, body), review(grader, submission, body)
    assert (first.status_code, again.status_code) == (201, 201)
    grader.post(f"/submissions/{submission}/notes", {"text": "Ask the teaching team."}, key="n")
    shown = grader.get(f"/submissions/{submission}/desk").json()
    note, entry = shown["audit"]
    assert (note["action"], note["reason"]) == ("note", "Ask the teaching team.")
    assert (entry["action"], entry["grader"], entry["reason"]) == ("review", "greta", "Copied text.")
    assert (entry["before"]["score"], entry["after"]["score"]) == (1.0, 0.4)
    assert "Ask the teaching team." not in learner.get(f"/projects/{learner.project().pk}").content.decode()


def test_the_desk_shows_all_there_is(learner: Caller, grader: Caller) -> None:
    submission = hand_in(learner)
    later = hand_in(learner, key="later")
    shown = grader.get(f"/submissions/{submission}/desk").json()
    assert shown["submission"]["confusion_matrix"] == [[5, 0], [0, 5]]
    assert shown["spec"]["hidden_test_set"] == "hidden-pets"
    assert [each["id"] for each in shown["history"]] == [later, submission]
    assert shown["model"]["id"] == shown["submission"]["model"]
    assert shown["allowance"] == {"extra_tries": 0, "extended_until": None}


def own_set(owner: Caller, content: str) -> TrainingSet:
    project = owner.project()
    return TrainingSet.objects.create(
        site=owner.lms.site,
        project=project,
        kind="project",
        title="s",
        version=1,
        state="ready",
        content_sha256=content,
    )


def trained(owner: Caller, *, content: str, weights: str, kind: str = "project") -> Model:
    model = builders.model(owner.project())
    assert model.job is not None
    chosen = own_set(owner, content) if kind == "project" else builders.library_set(owner.lms.site, "starter", content)
    model.job.training_set = chosen
    model.job.save()
    model.files = [{"name": "model.safetensors", "key": "k", "sha256": weights, "bytes": 1}]
    model.save()
    loss = {"split": "train", "step": 1, "loss": 0.5, "accuracy": 0.5}
    Event.objects.create(project=owner.project(), job=model.job, seq=1, attempt=1, kind="metrics", data=loss)
    return model


def test_the_same_work_of_two_learners_is_flagged(learner: Caller, ben: Caller, grader: Caller) -> None:
    ben.open()
    first = hand_in(learner, model=trained(learner, content="a" * 64, weights="b" * 64))
    again = hand_in(learner, model=trained_again(learner), key="again")
    copied = hand_in(ben, model=trained(ben, content="a" * 64, weights="c" * 64))
    flags = {row["id"]: row["duplicates"] for row in grader.get("/submissions").json()["results"]}
    assert flags == {first: ["set", "curve"], copied: ["set", "curve"], again: []}
    twins = grader.get(f"/submissions/{copied}/desk").json()["duplicates"]
    assert [(each["submission"], each["learner"], each["kinds"]) for each in twins] == [
        (first, "anna", ["set", "curve"])
    ]
    assert "duplicates" not in ben.get(f"/submissions/{copied}").json()


def trained_again(owner: Caller) -> Model:
    """Another model of the same learner, from nothing that is compared."""
    return builders.model(owner.project())


def test_the_starter_set_is_no_copy(learner: Caller, ben: Caller, grader: Caller) -> None:
    ben.open()
    hand_in(learner, model=trained(learner, content="s1", weights="b" * 64, kind="starter"))
    hand_in(ben, model=trained(ben, content="s2", weights="b" * 64, kind="starter"))
    assert [row["duplicates"] for row in grader.get("/submissions").json()["results"]] == [[], []]


POSTS = [
    ("/submissions/{id}/lock", {"action": "take"}),
    ("/submissions/{id}/allowance", {"extra_tries": 1, "extended_until": None, "reason": "r"}),
    ("/submissions/{id}/notes", {"text": "t"}),
    ("/submissions/{id}/reviews", {"comment": "c"}),
]


@pytest.mark.parametrize(("path", "body"), POSTS)
def test_only_staff_of_this_exercise_may(course: Lms, learner: Caller, path: str, body: dict[str, Any]) -> None:
    submission = hand_in(learner)
    place = path.format(id=submission)
    refusal = learner.post(place, body, key="x")
    assert (refusal.status_code, refusal.json()["code"]) == (403, "staff_only")
    elsewhere = Caller(course, learner="greta", role="grader", usage="block-v1:Other+type@axons+block@two")
    assert elsewhere.post(place, body, key="x").status_code == 404
    stranger = Caller(builders.lms("other-campus"), learner="greta", role="grader")
    assert stranger.post(place, body, key="x").status_code == 404
    assert [each.objects.count() for each in (AuditEntry, Review, Allowance)] == [0, 0, 0]


def test_the_desk_is_read_by_staff_of_this_exercise_alone(course: Lms, learner: Caller) -> None:
    submission = hand_in(learner)
    assert learner.get(f"/submissions/{submission}/desk").status_code == 403
    stranger = Caller(builders.lms("other-campus"), learner="greta", role="grader")
    assert stranger.get(f"/submissions/{submission}/desk").status_code == 404
    assert listed(stranger) == []


def test_the_list_costs_the_same_for_one_and_for_fifty(course: Lms, grader: Caller) -> None:
    def cost() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert grader.get("/submissions", sort="score_high").status_code == 200
        return len(queries)

    first = Caller(course, learner="first")
    first.open()
    hand_in(first)
    few = cost()
    for number in range(12):
        one = Caller(course, learner=f"l{number}")
        one.open()
        hand_in(one)
    assert cost() == few
