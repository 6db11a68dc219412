"""The path: every step is what a student does in the page, in this order. The first that fails ends it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from axons_demo.check import pictures
from axons_demo.check.client import Exercise, HandlerError, Person
from axons_demo.check.many import looked_at
from axons_demo.check.watch import stream, until
from axons_demo.errors import DemoError
from axons_demo.preparation import OBJECTS
from axons_demo.programs import Plan
from axons_demo.start import step

Say = Callable[[str], None]
TRAINING_SECONDS = 600.0


@dataclass
class Findings:
    """What the last line reports."""

    accuracy: float = 0.0
    first_metric_seconds: float = 0.0
    grade_seconds: float = 0.0
    clicked: float = field(default=0.0, repr=False)


def expect(condition: object, sentence: str) -> None:
    if not condition:
        raise DemoError(sentence)


def run_check(plan: Plan, say: Say) -> str:
    """Drive the whole path. Returns the closing line; raises DemoError at the first step that fails."""
    findings = Findings()
    ada = Person(plan.lms_url, "ada")
    exercise = ada.exercise("everyday_objects")
    with step("open the exercise", say) as note:
        note(opened(exercise))
    with step("look at the pictures", say) as note:
        note(gallery(exercise))
    with step("add pictures, three of them broken", say) as note:
        training_set, sentence = own_pictures(exercise)
        note(sentence)
        for entry in training_set["report"]:
            if not entry["accepted"]:
                say(f"      {entry['reason']}")
    with step("ask for a learning rate of 5", say) as note:
        note(out_of_range(exercise, training_set["id"]))
    with step("train", say) as note:
        job = train(exercise, training_set["id"], findings)
        note(f"first metric after {findings.first_metric_seconds:.1f} s")
    with step("look at the results", say) as note:
        note(results(exercise, job))
    with step("try a picture", say) as note:
        note(predict(exercise, job["model"]))
    with step("try many pictures at once", say) as note:
        note(looked_at(exercise, job["model"]))
    with step("hand in", say) as note:
        note(hand_in(exercise, job["model"], findings))
    with step("grade in the grade book", say) as note:
        note(graded(plan, findings))
    with step("try the supplied model", say) as note:
        note(supplied(ada))
    with step("mark every pixel", say) as note:
        note(marked(ada))
    split = json.loads((OBJECTS / "hidden" / "dataset.json").read_text())["split"]
    return (
        f"demo: ok accuracy={findings.accuracy:.3f} click_to_first_metric={findings.first_metric_seconds:.1f}s "
        f"click_to_grade={findings.grade_seconds:.1f}s  (hidden set: {split})"
    )


def opened(exercise: Exercise) -> str:
    exercise.person.page("/xblock/everyday_objects/")
    project = exercise.call("open")["project"]
    starter = project["starter_set"]
    expect(starter and starter["state"] == "ready", "the exercise has no ready starter set.")
    return f"{starter['image_count']} pictures in {len(starter['classes'])} classes"


def gallery(exercise: Exercise) -> str:
    starter = exercise.call("open")["project"]["starter_set"]
    seen = 0
    for label in starter["classes"]:
        page = exercise.read(f"/training-sets/{starter['id']}/images", label=label, limit=12)
        expect(page["images"], f"the gallery shows no picture of {label}.")
        seen += len(page["images"])
    first = exercise.person.session.get(page["images"][0]["url"], timeout=20)
    expect(first.status_code == 200 and first.content[:2] == b"\xff\xd8", "a gallery picture could not be loaded.")
    return f"{seen} pictures shown"


def own_pictures(exercise: Exercise) -> tuple[dict[str, Any], str]:
    """A new version of the training set with own pictures. Returns it, and what was kept."""
    starter = exercise.call("open")["project"]["starter_set"]
    good = [(path.name, path.read_bytes(), path.stem.split("-")[0].split("_")[0]) for path in pictures.samples()][:3]
    expect(len(good) == 3, "course_content has fewer than three sample pictures.")
    bad = [
        ("shopping list.jpg", pictures.text_as_picture(), "image/jpeg"),
        ("half.jpg", pictures.truncated(good[0][1]), "image/jpeg"),
        ("huge.png", pictures.huge_png(), "image/png"),
    ]
    files = [(name, content, "image/jpeg") for name, content, _ in good] + bad
    uploads = exercise.upload(files, "training_set")
    expect(len(uploads) == len(files), f"only {len(uploads)} of {len(files)} uploads were given a place.")
    classes = starter["classes"]
    label_of = {name: label if label in classes else classes[0] for name, _, label in good}
    additions = [{"upload": upload, "label": label_of.get(name, classes[0])} for name, upload in uploads.items()]
    made = exercise.change(
        "training_set_create", {"base": starter["id"], "additions": additions, "exclusions": [], "relabels": {}}
    )

    def finished() -> Any:
        seen = exercise.read(f"/training-sets/{made['id']}")
        return seen if seen["state"] in ("ready", "failed") else None

    training_set = until("the new training set", finished, 120)
    expect(training_set["state"] == "ready", f"the training set failed: {training_set['message']}")
    refused = {entry["file"]: entry["reason"] for entry in training_set["report"] if not entry["accepted"]}
    for name, _, _ in bad:
        expect(name in (refused.get(name) or ""), f"the report has no sentence that names {name}: {refused}")
    kept = training_set["image_count"] - starter["image_count"]
    expect(kept == 3, f"{kept} of the 3 good pictures were kept.")
    return training_set, f"3 kept, {len(refused)} refused with a sentence each"


def hyperparameters(exercise: Exercise, **changes: Any) -> dict[str, Any]:
    spec = exercise.call("open")["project"]["spec"]
    defaults = {name: bounds["default"] for name, bounds in spec["hyperparameters"].items()}
    return {"architecture": spec["architectures"][0], **defaults, **changes}


def out_of_range(exercise: Exercise, training_set: str) -> str:
    wrong = hyperparameters(exercise, learning_rate=5)
    try:
        exercise.change("job_create", {"kind": "training", "training_set": training_set, "hyperparameters": wrong})
    except HandlerError as error:
        expect(error.code == "hyperparameter_out_of_range", f"the refusal's code is {error.code}.")
        expect("0.0001" in error.sentence and "0.1" in error.sentence, f"no range in the sentence: {error.sentence}")
        return error.sentence
    raise DemoError("a learning rate of 5 was accepted.")


def train(exercise: Exercise, training_set: str, findings: Findings, **changes: Any) -> dict[str, Any]:
    """A training with the defaults but for `changes`, watched over the stream. Returns the finished job."""
    bundle = exercise.call("open")
    values = hyperparameters(exercise, **changes)
    findings.clicked = time.monotonic()
    job = exercise.change("job_create", {"kind": "training", "training_set": training_set, "hyperparameters": values})
    for event in stream(bundle, TRAINING_SECONDS):
        if event["job"] != job["id"]:
            continue
        if event["kind"] == "metrics" and not findings.first_metric_seconds:
            findings.first_metric_seconds = time.monotonic() - findings.clicked
        if event["kind"] == "state" and event["data"]["state"] in ("succeeded", "failed", "cancelled"):
            break
    finished: dict[str, Any] = exercise.read(f"/jobs/{job['id']}")
    expect(finished["state"] == "succeeded", f"the training ended as {finished['state']}: {finished['failure']}")
    expect(findings.first_metric_seconds, "no metric came over the stream.")
    return finished


def results(exercise: Exercise, job: dict[str, Any]) -> str:
    model = exercise.read(f"/models/{job['model']}")
    series = exercise.read(f"/jobs/{job['id']}/metrics")
    expect(series["train"] and series["validation"], "the finished job has no curves.")
    validation = model["metrics"]["validation"]
    expect(len(validation["confusion_matrix"]) == len(model["classes"]), "the confusion matrix has the wrong size.")
    names = {artifact["name"] for artifact in model["artifacts"]}
    expect({"model.safetensors", "model.onnx"} <= names, f"the model's files are {sorted(names)}.")
    return f"validation accuracy {validation['accuracy']:.3f}, {len(validation['mistakes'])} mistakes to look at"


def predict(exercise: Exercise, model: str) -> str:
    path = pictures.samples()[0]
    uploads = exercise.upload([(path.name, path.read_bytes(), "image/jpeg")], "prediction")
    job = exercise.change("job_create", {"kind": "inference", "model": model, "upload": uploads[path.name]})

    def finished() -> Any:
        seen = exercise.read(f"/jobs/{job['id']}")
        expect(seen["state"] not in ("failed", "cancelled"), f"the prediction failed: {seen['failure']}")
        return seen if seen["state"] == "succeeded" else None

    prediction = exercise.read(f"/predictions/{until('the prediction', finished, 120, 0.2)['prediction']}")
    best = prediction["probabilities"][0]
    overlay = exercise.person.session.get(prediction["overlay_url"], timeout=20)
    expect(overlay.status_code == 200, "the overlay could not be loaded.")
    return f"{path.name}: {best['label']} {best['probability']:.0%}"


def hand_in(exercise: Exercise, model: str, findings: Findings) -> str:
    done = scored(exercise, model)
    findings.accuracy = float(done["value"])
    expect(findings.accuracy >= 0.9, f"accuracy on the hidden test set is {findings.accuracy:.3f}, below 0.9.")
    return f"accuracy {findings.accuracy:.3f} on the hidden test set, score {done['score']:g}"


def scored(exercise: Exercise, model: str) -> dict[str, Any]:
    """The submission of this model, once it has its score."""
    submission = exercise.change("submission_create", {"model": model})

    def seen() -> Any:
        found = exercise.read(f"/submissions/{submission['id']}")
        expect(found["state"] != "failed", f"scoring failed: {found['failure']}")
        return found if found["state"] == "scored" else None

    done: dict[str, Any] = until("the score", seen, 180, 0.2)
    return done


def graded(plan: Plan, findings: Findings) -> str:
    """The grade, as Dr. Grace sees it. Nobody of the student's side asks the LMS anything meanwhile."""
    grace = Person(plan.lms_url, "grace")
    earned, possible = until("the grade in the grade book", lambda: grace.grades().get("ada"), 60, 0.2)
    findings.grade_seconds = time.monotonic() - findings.clicked
    expect(earned > 0, f"the grade is {earned} of {possible}.")
    return f"{earned:g} of {possible:g} points, {findings.grade_seconds:.1f} s after the click on Train"


def supplied(person: Person) -> str:
    exercise = person.exercise("ready_model")
    model = exercise.call("open")["project"]["supplied_model"]
    expect(model, "the inference-only exercise has no model.")
    return predict(exercise, model["id"])


def marked(person: Person) -> str:
    """The exercise with masks: a short training, its marks on a picture, and what the hidden masks make of it."""
    exercise = person.exercise("garden_bed")
    starter = exercise.call("open")["project"]["starter_set"]
    shown = exercise.read(f"/training-sets/{starter['id']}/images", limit=1)["images"][0]
    mask = exercise.person.session.get(shown["mask_url"], timeout=20)
    expect(mask.content[:4] == b"\x89PNG", "a mask of the gallery could not be loaded.")
    job = train(exercise, starter["id"], Findings(), epochs=3)
    validation = exercise.read(f"/models/{job['model']}")["metrics"]["validation"]
    expect(set(validation["iou_per_class"]) == set(starter["classes"]), "the result misses classes.")
    answer = f"{predict(exercise, job['model'])}; {looked_at(exercise, job['model'])}"
    done = scored(exercise, job["model"])
    return f"mean IoU {validation['miou']:.3f}, {done['value']:.3f} on the hidden masks; {answer}"
