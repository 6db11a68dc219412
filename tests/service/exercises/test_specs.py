"""What an author may configure, and the sentence for what not."""

from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from axons_service.exercises.hyperparameters import hyperparameters_validate
from axons_service.exercises.specs import spec_canonical, spec_check, spec_for_role, spec_hash
from axons_service.operations.problems import Problem
from tests.service import builders
from tests.service.builders import Caller, Lms


def with_change(path: str, value: Any) -> dict[str, Any]:
    """A valid spec with one value changed; the value `...` removes the key."""
    body: Any = deepcopy(builders.spec())
    *parents, last = path.split(".")
    inner = body
    for name in parents:
        inner = inner[int(name) if name.isdigit() else name]
    if value is ...:
        del inner[last]
    else:
        inner[int(last) if last.isdigit() else last] = value
    return dict(body)


def inference(**changes: Any) -> dict[str, Any]:
    body = builders.spec(kind="inference", hidden_test_set=None, grading=None, model="pets")
    return {**body, **changes}


def test_the_contracts_examples_are_valid() -> None:
    assert spec_check(builders.spec()) == []
    assert spec_check(builders.spec(grading=None, hidden_test_set=None)) == []
    assert spec_check(inference()) == []
    small = {name: value for name, value in inference().items() if name not in ("architectures", "hyperparameters")}
    assert spec_check(small) == []


@pytest.mark.parametrize(
    ("path", "value", "field", "words"),
    [
        ("version", 2, "version", "must be 1"),
        ("version", True, "version", "must be 1"),
        ("kind", "magic", "kind", "training or inference"),
        ("task", "detection", "task", "classification or segmentation"),
        ("task", "segmentation", "architectures", "no architecture named small_cnn for segmentation"),
        ("architectures", ["small_unet"], "architectures", "no architecture named small_unet. Known are"),
        ("grading.metric", "miou", "grading.metric", "must be one of accuracy."),
        ("surprise", 1, "surprise", "no setting named surprise"),
        ("pool", ..., "pool", "pool is missing"),
        ("max_tries", ..., "max_tries", "max_tries is missing"),
        ("starter_set", 7, "starter_set", "name from the library"),
        ("own_pictures", "yes", "own_pictures", "true or false"),
        ("own_pictures", False, "starter_set", "Choose a starter set"),
        ("model", "pets", "model", "no supplied model"),
        ("architectures", [], "architectures", "at least one"),
        ("architectures", ["resnet"], "architectures", "no architecture named resnet"),
        ("architectures", [["small_cnn"]], "architectures", "no architecture named"),
        ("architectures", ["small_cnn", "small_cnn"], "architectures", "once"),
        ("time_limit_minutes", 0, "time_limit_minutes", "between 1 and 240"),
        ("time_limit_minutes", 241, "time_limit_minutes", "between 1 and 240"),
        ("time_limit_minutes", 1.5, "time_limit_minutes", "whole number"),
        ("max_tries", -1, "max_tries", "between 0 and"),
        ("hyperparameters", [], "hyperparameters", "object"),
        ("hyperparameters.epochs.max", 501, "hyperparameters.epochs.max", "between 1 and 500. You asked for 501."),
        ("hyperparameters.epochs.max", 4, "hyperparameters.epochs.default", "between 1 and 4"),
        ("hyperparameters.epochs.min", 50, "hyperparameters.epochs.max", "not be below the minimum 50"),
        ("hyperparameters.epochs.step", 1, "hyperparameters.epochs.step", "no setting named step"),
        ("hyperparameters.learning_rate.min", ..., "hyperparameters.learning_rate.min", "missing"),
        ("hyperparameters.learning_rate.max", "big", "hyperparameters.learning_rate.max", "must be a number"),
        ("hyperparameters.learning_rate.max", float("nan"), "hyperparameters.learning_rate.max", "must be a number"),
        ("hyperparameters.batch_size.default", 8.5, "hyperparameters.batch_size.default", "whole number"),
        ("hyperparameters.augmentation.default", 1, "hyperparameters.augmentation.default", "true or false"),
        ("hyperparameters.seed.default", -1, "hyperparameters.seed.default", "between 0 and"),
        ("hyperparameters.dropout", {}, "hyperparameters.dropout", "no setting named dropout"),
        ("hyperparameters.optimizer", "sgd", "hyperparameters.optimizer", "needs allowed and default"),
        ("hyperparameters.optimizer", {"allowed": ["sgd"]}, "hyperparameters.optimizer.default", "missing"),
        (
            "hyperparameters.optimizer",
            {"allowed": ["sgd", "lion"], "default": "sgd"},
            "hyperparameters.optimizer.allowed",
            "one of adamw, adam, sgd",
        ),
        (
            "hyperparameters.schedule",
            {"allowed": [], "default": "step"},
            "hyperparameters.schedule.allowed",
            "at least one",
        ),
        (
            "hyperparameters.fine_tuning",
            {"allowed": ["full", "full"], "default": "frozen"},
            "hyperparameters.fine_tuning.default",
            "one of those allowed",
        ),
        ("hyperparameters.class_weights", {"default": 1}, "hyperparameters.class_weights.default", "true or false"),
        ("hyperparameters.patience", 3, "hyperparameters.patience", "needs min, max and default"),
        (
            "hyperparameters.trainable_blocks",
            {"min": 1, "max": 19, "default": 3},
            "hyperparameters.trainable_blocks.max",
            "between 1 and 18",
        ),
        ("hidden_test_set", None, "hidden_test_set", "needs a hidden test set"),
        ("grading.metric", "beauty", "grading.metric", "accuracy"),
        ("grading.thresholds", [], "grading.thresholds", "1 to 20"),
        ("grading.thresholds.0.score", 2, "grading.thresholds.0.score", "between 0 and 1"),
        ("grading.thresholds.1.at_least", 0.5, "grading.thresholds.1.at_least", "rise"),
        ("grading.thresholds.1.score", 0.1, "grading.thresholds.1.score", "lower score"),
        ("grading.thresholds.0", 1, "grading.thresholds.0", "at_least and score"),
    ],
)
def test_a_wrong_setting_is_named_with_its_path_and_a_sentence(path: str, value: Any, field: str, words: str) -> None:
    errors = {error["field"]: error["message"] for error in spec_check(with_change(path, value))}
    assert words in errors[field]
    assert errors[field].endswith(".")


@pytest.mark.parametrize("name", ["starter_set", "hidden_test_set"])
def test_an_inference_exercise_takes_no_training_settings(name: str) -> None:
    assert [error["field"] for error in spec_check(inference(**{name: "pets"}))] == [name]


def test_an_inference_exercise_needs_a_model() -> None:
    assert [error["field"] for error in spec_check(inference(model=None))] == ["model"]


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(max_size=5),
        lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(sorted(builders.spec())), inner),
    )
)
def test_nothing_that_json_can_say_breaks_the_check(body: Any) -> None:
    assert isinstance(spec_check(body), list)


@given(
    st.sampled_from(sorted(builders.spec())),
    st.recursive(
        st.none() | st.integers() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    ),
)
def test_no_value_of_a_setting_breaks_the_check(name: str, value: Any) -> None:
    assert isinstance(spec_check(builders.spec(**{name: value})), list)


def test_the_hash_does_not_depend_on_the_order_of_keys() -> None:
    body = builders.spec()
    assert spec_hash(body) == spec_hash(dict(reversed(body.items())))
    assert spec_canonical({"b": "é", "a": 1}) == '{"a":1,"b":"é"}'.encode()


def test_learners_do_not_see_which_hidden_test_set_there_is() -> None:
    body = builders.spec()
    assert "hidden_test_set" not in spec_for_role(body, is_staff=False)
    assert spec_for_role(body, is_staff=False)["grading"] == body["grading"]
    assert spec_for_role(body, is_staff=True) == body


def test_hyperparameters_left_out_take_the_authors_defaults() -> None:
    assert hyperparameters_validate(builders.spec(), {"epochs": 3}) == {
        "architecture": "efficientnet_lite0",
        "epochs": 3,
        "learning_rate": 0.003,
        "batch_size": 32,
        "augmentation": True,
        "seed": 0,
    }


@pytest.mark.parametrize(
    ("name", "value", "code", "sentence"),
    [
        (
            "learning_rate",
            5,
            "hyperparameter_out_of_range",
            "Learning rate must be between 0.0001 and 0.1. You asked for 5.",
        ),
        (
            "learning_rate",
            0.00001,
            "hyperparameter_out_of_range",
            "Learning rate must be between 0.0001 and 0.1. You asked for 0.00001.",
        ),
        ("epochs", 41, "hyperparameter_out_of_range", "Epochs must be between 1 and 40. You asked for 41."),
        ("epochs", 1000, "hyperparameter_out_of_range", "Epochs must be between 1 and 40. You asked for 1000."),
        (
            "epochs",
            10**400,
            "hyperparameter_out_of_range",
            "Epochs must be between 1 and 40. You asked for 100000000000….",
        ),
        ("epochs", 2.5, "hyperparameters_invalid", "Epochs must be a whole number."),
        ("epochs", True, "hyperparameters_invalid", "Epochs must be a whole number."),
        ("learning_rate", float("inf"), "hyperparameters_invalid", "Learning rate must be a number."),
        (
            "architecture",
            "resnet",
            "hyperparameters_invalid",
            "Architecture must be one of efficientnet_lite0, small_cnn.",
        ),
        ("augmentation", 1, "hyperparameters_invalid", "Augmentation must be on or off (true or false)."),
        ("seed", -1, "hyperparameters_invalid", "Seed must be between 0 and 2147483647. You asked for -1."),
        ("dropout", 0.5, "hyperparameters_invalid", "There is no hyperparameter named dropout."),
    ],
)
def test_a_wrong_hyperparameter_gets_a_sentence_with_the_allowed_range(
    name: str, value: Any, code: str, sentence: str
) -> None:
    with pytest.raises(Problem) as caught:
        hyperparameters_validate(builders.spec(), {name: value})
    assert (caught.value.status_code, caught.value.problem_code) == (422, code)
    assert caught.value.errors == [{"field": f"hyperparameters.{name}", "message": sentence}]
    assert caught.value.sentence == sentence


FURTHER = {
    "fine_tuning": {"allowed": ["frozen", "partial"], "default": "partial"},
    "trainable_blocks": {"min": 1, "max": 4, "default": 2},
    "patience": {"min": 0, "max": 10, "default": 3},
    "class_weights": {"default": False},
}


def generous() -> dict[str, Any]:
    """A spec whose author allows more than the usual knobs."""
    body = builders.spec()
    return body | {"hyperparameters": body["hyperparameters"] | FURTHER}


def test_what_an_author_does_not_name_is_neither_in_the_spec_nor_in_a_job() -> None:
    assert spec_check(generous()) == []
    assert set(FURTHER).isdisjoint(hyperparameters_validate(builders.spec(), {}))
    assert hyperparameters_validate(generous(), {"patience": 0, "fine_tuning": "frozen"}) == {
        **hyperparameters_validate(builders.spec(), {}),
        "fine_tuning": "frozen",
        "trainable_blocks": 2,
        "patience": 0,
        "class_weights": False,
    }


@pytest.mark.parametrize(
    ("name", "value", "code", "sentence"),
    [
        ("fine_tuning", "full", "hyperparameters_invalid", "What learns must be one of frozen, partial."),
        ("fine_tuning", ["full"], "hyperparameters_invalid", "What learns must be one of frozen, partial."),
        (
            "trainable_blocks",
            5,
            "hyperparameter_out_of_range",
            "Blocks that learn must be between 1 and 4. You asked for 5.",
        ),
        ("class_weights", "yes", "hyperparameters_invalid", "Class weights must be on or off (true or false)."),
        ("optimizer", "sgd", "hyperparameters_invalid", "Optimizer cannot be chosen in this exercise; leave it out."),
    ],
)
def test_a_learner_chooses_only_what_the_author_allows(name: str, value: Any, code: str, sentence: str) -> None:
    with pytest.raises(Problem) as caught:
        hyperparameters_validate(generous(), {name: value})
    assert (caught.value.problem_code, caught.value.sentence) == (code, sentence)


@pytest.mark.django_db
def test_an_author_can_have_a_spec_checked(course: Lms, author: Caller) -> None:
    response = author.post("/specs/validate", {"spec": builders.spec()})
    assert response.json() == {"spec_hash": spec_hash(builders.spec())}


@pytest.mark.django_db
def test_an_author_hears_what_the_library_does_not_have(course: Lms, author: Caller) -> None:
    builders.library_set(course.site, "starter", "birds", classes=["owl", "wren"])
    body = builders.spec(starter_set="birds", pool="v100s")
    response = author.post("/specs/validate", {"spec": body})
    assert response.status_code == 422
    errors = {error["field"]: error["message"] for error in response.json()["errors"]}
    assert set(errors) == {"hidden_test_set", "pool"}
    assert "owl, wren" in errors["hidden_test_set"]
    assert errors["pool"] == "There is no pool named v100s."


@pytest.mark.django_db
def test_another_sites_library_is_not_there(author: Caller) -> None:
    builders.pool()
    builders.library_set(builders.lms("other").site, "hidden", "hidden-pets")
    response = author.post("/specs/validate", {"spec": builders.spec()})
    assert response.json()["errors"][0]["field"] == "hidden_test_set"
