"""Jobs of exercises with masks: what they may use, what they must leave, how they are graded."""

from typing import Any

import pytest

from axons_service.exercises.models import Spec
from axons_service.exercises.specs import spec_check, spec_hash
from axons_service.grading import services as grading
from axons_service.grading.models import Submission
from axons_service.grading.selectors import submissions
from axons_service.grading.serializers import submission_output
from axons_service.jobs.assignments import assignment
from axons_service.jobs.models import Job, Model, Prediction
from axons_service.jobs.serializers import model_output, prediction_output
from axons_service.operations.problems import Problem
from axons_service.training_sets.models import TrainingSet
from tests.service import builders
from tests.service.builders import Caller, Lms
from tests.service.jobs.conftest import RESULTS, World
from tests.service.training_sets import masks_made

pytestmark = pytest.mark.django_db

DATA: dict[str, Any] = {
    "classes": [{"label": "leaf", "share": 0.25}, {"label": "background", "share": 0.75}],
    "colours": {"background": "#000000", "leaf": "#800000"},
}
VALIDATION = {"miou": 0.61, "accuracy": 0.93, "loss": 0.2, "iou_per_class": {"leaf": 0.5, "fruit": None}}


def masked_set(lms: Lms, kind: str, name: str, **changes: Any) -> TrainingSet:
    found = builders.library_set(lms.site, kind, name, classes=masks_made.CLASSES)
    TrainingSet.objects.filter(pk=found.pk).update(task="segmentation", **changes)
    return found


@pytest.fixture
def masked(world: World) -> World:
    """The world of jobs with an exercise about masks."""
    masked_set(world.lms, "hidden", "secret-plants")
    masked_set(world.lms, "starter", "plants")
    body = masks_made.spec()
    world.project.spec = Spec.objects.create(site=world.lms.site, hash=spec_hash(body), body=body)
    world.project.save()
    TrainingSet.objects.filter(pk=world.training_set.pk).update(task="segmentation", classes=masks_made.CLASSES)
    world.training_set.refresh_from_db()
    return world


def train(world: World) -> Any:
    from axons_service.jobs.services import job_create, job_dispatch

    job, _ = job_create(
        project=world.project,
        kind=Job.Kind.TRAINING,
        idempotency_key="masks",
        request_sha256="0" * 64,
        training_set=world.training_set,
        hyperparameters={"architecture": "small_unet", "epochs": 2},
    )
    job_dispatch(job_id=job.pk)
    return world.claimed()


def masked_model(world: World) -> Model:
    found = builders.model(world.project, classes=masks_made.CLASSES)
    found.description = {"task": "segmentation"}
    found.save()
    return found


def test_a_spec_with_masks_is_valid_and_its_settings_are_its_own() -> None:
    assert spec_check(masks_made.spec()) == []
    assert spec_check(masks_made.spec(grading={**masks_made.spec()["grading"], "metric": "accuracy"})) == []
    errors = {each["field"]: each["message"] for each in spec_check(masks_made.spec(architectures=["small_cnn"]))}
    assert errors == {
        "architectures": "There is no architecture named small_cnn for segmentation. "
        "Known are lite0_lraspp, small_unet."
    }


def test_an_author_hears_which_set_is_for_another_task(course: Lms, author: Caller) -> None:
    masked_set(course, "starter", "plants")
    masked_set(course, "hidden", "secret-plants", classes=["background", "fruit", "leaf"])
    answer = author.post("/specs/validate", {"spec": masks_made.spec(hidden_test_set="hidden-pets")})
    assert answer.status_code == 422
    errors = {each["field"]: each["message"] for each in answer.json()["errors"]}
    assert "hidden pets is a set for classification. Choose one for segmentation." in errors["hidden_test_set"] or (
        "has the classes" in errors["hidden_test_set"]
    )
    answer = author.post("/specs/validate", {"spec": masks_made.spec()})
    assert [each["field"] for each in answer.json()["errors"]] == ["hidden_test_set"]
    assert "background, fruit, leaf, the starter set background, leaf, fruit" in answer.json()["errors"][0]["message"]
    answer = author.post(
        "/specs/validate", {"spec": builders.spec(starter_set="plants", hidden_test_set=None, grading=None)}
    )
    assert [each["field"] for each in answer.json()["errors"]] == ["starter_set"]


def test_the_library_says_what_each_thing_is_for(course: Lms, author: Caller) -> None:
    masked_set(course, "starter", "plants")
    library = author.get("/library").json()
    assert {each["name"]: each["task"] for each in library["starter_sets"]} == {"plants": "segmentation"}
    assert {each["task"] for each in library["architectures"]} == {"classification", "segmentation"}


def test_a_runner_is_told_the_task_and_leaves_a_model_of_it(masked: World, monkeypatch: pytest.MonkeyPatch) -> None:
    claim = train(masked)
    told = assignment(claim)
    assert (told["task"], told["classes"]) == ("segmentation", masks_made.CLASSES)
    model = {"architecture": "small_unet", "classes": masks_made.CLASSES}
    with pytest.raises(Problem, match="lacks what the contract asks for") as caught:
        masked.finish(claim, result={"metrics": {"validation": {"accuracy": 0.9}}, "model": model})
    assert caught.value.problem_code == "result_incomplete"
    masked.finish(claim, result={"metrics": {"validation": VALIDATION}, "model": model})
    left = Model.objects.get(job=claim.job)
    shown = model_output(left, with_urls=False)
    assert (shown["task"], shown["metrics"]["validation"]["iou_per_class"]["fruit"]) == ("segmentation", None)


@pytest.mark.parametrize("below_data", [True, False])
def test_a_prediction_keeps_its_mask_its_shares_and_its_colours(masked: World, below_data: bool) -> None:
    masked.inference(masked_model(masked))
    claim = masked.claimed()
    result = {"data": DATA, "seconds": 0.1} if below_data else {**DATA, "seconds": 0.1}
    files = [masked.stored(claim, name) for name in ("picture.jpg", "mask.png", "overlay.png")]
    masked.finish(claim, files=files, result=result)
    shown = prediction_output(Prediction.objects.get())
    assert [each["label"] for each in shown["shares"]] == ["background", "leaf"]
    assert shown["colours"]["leaf"] == "#800000"
    assert "mask.png" in shown["mask_url"]
    assert "overlay.png" in shown["overlay_url"]
    assert shown["probabilities"] == []


INCOMPLETE: dict[str, dict[str, Any]] = {
    "of a classifier": RESULTS["inference"],
    "no colours": {"data": {"classes": DATA["classes"]}, "seconds": 0.1},
    "colour that is none": {"data": {**DATA, "colours": {"leaf": "url(x)"}}, "seconds": 0.1},
    "share beyond 1": {"data": {**DATA, "classes": [{"label": "leaf", "share": 7}]}, "seconds": 0.1},
    "no time": {"data": DATA},
    "a list": {"data": [1], "seconds": 0.1},
}


@pytest.mark.parametrize("result", INCOMPLETE.values(), ids=list(INCOMPLETE))
def test_a_prediction_that_says_too_little_is_refused(masked: World, result: dict[str, Any]) -> None:
    masked.inference(masked_model(masked))
    claim = masked.claimed()
    files = [masked.stored(claim, name) for name in ("picture.jpg", "mask.png", "overlay.png")]
    with pytest.raises(Problem) as caught:
        masked.finish(claim, files=files, result=result)
    assert caught.value.problem_code == "result_incomplete"


def test_a_prediction_without_its_mask_is_refused(masked: World) -> None:
    masked.inference(masked_model(masked))
    claim = masked.claimed()
    with pytest.raises(Problem, match=r"leaves mask\.png, overlay\.png too") as caught:
        masked.finish(claim, files=[masked.stored(claim, "picture.jpg")], result={"data": DATA, "seconds": 0.1})
    assert caught.value.problem_code == "file_missing"


def test_what_was_made_for_another_task_is_not_used(masked: World) -> None:
    old = builders.model(masked.project)
    with pytest.raises(Problem) as caught:
        masked.inference(old)
    assert caught.value.problem_code == "task_differs"
    with pytest.raises(Problem) as caught:
        grading.submission_create(project=masked.project, model_id=old.pk, idempotency_key="k", request_sha256="0" * 64)
    assert caught.value.problem_code == "task_differs"
    TrainingSet.objects.filter(pk=masked.training_set.pk).update(task="classification")
    masked.training_set.refresh_from_db()
    with pytest.raises(Problem) as caught:
        train(masked)
    assert caught.value.problem_code == "task_differs"


def test_a_submission_is_graded_by_miou_and_the_order_of_classes_counts(masked: World) -> None:
    model = masked_model(masked)
    submission, _ = grading.submission_create(
        project=masked.project, model_id=model.pk, idempotency_key="k", request_sha256="0" * 64
    )
    with pytest.raises(Problem, match="lacks miou"):
        grading.submission_score(job=submission.job, result={"metrics": {"accuracy": 0.99}})
    metrics = {"miou": 0.45, "accuracy": 0.99, "iou_per_class": {"leaf": 0.4, "fruit": None}}
    grading.submission_score(job=submission.job, result={"metrics": metrics})
    told = submission_output(submissions().get(pk=submission.pk), is_staff=True)
    assert told["iou_per_class"] == {"leaf": 0.4, "fruit": None}
    assert "iou_per_class" not in submission_output(submissions().get(pk=submission.pk))
    scored = Submission.objects.get(pk=submission.pk)
    assert (scored.metric, scored.value, scored.automatic_score) == ("miou", 0.45, 0.5)
    model.classes = ["background", "fruit", "leaf"]
    model.save()
    with pytest.raises(Problem) as caught:
        grading.submission_create(
            project=masked.project, model_id=model.pk, idempotency_key="o", request_sha256="0" * 64
        )
    assert caught.value.problem_code == "model_classes_differ"
