"""Changes of a set by hand: each a new version that shares what it can, none over what nobody has seen."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from django.utils import timezone

from axons_service.operations.cursors import cursor_sign
from axons_service.operations.problems import Problem
from axons_service.storage import objects
from axons_service.storage.models import Trash
from axons_service.training_sets.changes import training_set_revert
from axons_service.training_sets.manifests import manifest_read
from axons_service.training_sets.models import TrainingSet
from tests.service import builders
from tests.service.builders import Caller, Lms
from tests.service.training_sets import pictures_made as made
from tests.service.training_sets import sets_made

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.needs_s3]
SCHEMA = json.loads((Path(__file__).parents[3] / "docs" / "manifest.schema.json").read_text())


@pytest.fixture
def first(store: Any, course: Lms, anna: Caller) -> TrainingSet:
    """A set of anna's own with free classes: 12 cats, 12 dogs, and a smaller copy of one cat."""
    anna.open(builders.spec(hidden_test_set=None, grading=None))
    files = [(f"{n}.jpg", made.jpeg(n), builders.CLASSES[n % 2]) for n in range(24)]
    smaller = made.encoded(made.photo(0).resize((60, 45)), quality=80)
    return sets_made.prepared(sets_made.asked(anna, [*files, ("small.jpg", smaller, "cat")]))


def change(caller: Caller, base: TrainingSet, *, newest: int, key: str = "c", **changes: Any) -> Any:
    return caller.post(f"/training-sets/{base.pk}/changes", {"newest": newest, **changes}, key=key)


def changed(caller: Caller, base: TrainingSet, *, newest: int, key: str = "c", **changes: Any) -> TrainingSet:
    answer = change(caller, base, newest=newest, key=key, **changes)
    assert answer.status_code == 202, answer.content
    return sets_made.prepared(answer.json()["id"])


def hashes(training_set: TrainingSet, **wanted: str) -> list[str]:
    images = manifest_read(training_set)["images"]
    return [each["sha256"] for each in images if all(each[name] == value for name, value in wanted.items())]  # type: ignore[literal-required]


def test_a_manifest_is_as_its_schema_says(first: TrainingSet) -> None:
    manifest = json.loads(objects.get_bytes(first.manifest_key))
    jsonschema.validate(manifest, SCHEMA, format_checker=jsonschema.FormatChecker())
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**manifest, "images": [{**manifest["images"][0], "split": "both"}]}, SCHEMA)


def test_look_alikes_are_kept_marked_and_shown_together(first: TrainingSet, anna: Caller) -> None:
    assert first.image_count == 25
    assert [each["code"] for each in first.warnings] == ["near_duplicates"]
    assert anna.get(f"/training-sets/{first.pk}/images", split="").status_code == 400, "no split has this name"
    page = anna.get(f"/training-sets/{first.pk}/images", show="near_duplicates").json()["images"]
    assert {each["name"] for each in page} == {"0.jpg", "small.jpg"}
    assert {each["near_group"] for each in page} == {1}


def test_every_change_is_a_new_version_that_shares_the_shards(first: TrainingSet, anna: Caller) -> None:
    before = objects.get_bytes(first.manifest_key)
    cat, other = hashes(first, label="cat", split="train")[:2]
    second = changed(anna, first, newest=1, relabels={cat: "dog"}, exclusions=[other], splits={cat: "validation"})
    assert (second.version, second.image_count, second.parent_id) == (2, 24, first.pk)
    assert second.shards == first.shards
    assert objects.get_bytes(first.manifest_key) == before
    image = next(each for each in manifest_read(second)["images"] if each["sha256"] == cat)
    assert (image["label"], image["split"]) == ("dog", "validation")
    state = anna.get(f"/training-sets/{second.pk}").json()
    assert state["changes"]["kind"] == "changes"
    assert state["changes"]["counts"] == {"excluded": 1, "moved": 1, "relabelled": 1}
    away = anna.get(f"/training-sets/{second.pk}/images", show="excluded").json()["images"]
    assert [each["sha256"] for each in away] == [other]

    third = changed(anna, second, newest=2, key="c2", inclusions=[other])
    assert other in hashes(third)
    assert (third.image_count, third.shards) == (25, first.shards)


def test_classes_are_renamed_and_merged(first: TrainingSet, anna: Caller) -> None:
    dog = hashes(first, label="dog", split="train")[0]
    renamed = changed(anna, first, newest=1, renames={"cat": "tiger"}, relabels={dog: "cat"})
    assert renamed.classes == ["dog", "tiger"]
    assert renamed.counts["tiger"]["train"] == first.counts["cat"]["train"] + 1
    three = sets_made.prepared(
        sets_made.asked(anna, [("owl.jpg", made.jpeg(99), "owl")], key="k2", base=str(renamed.pk))
    )
    assert three.classes == ["dog", "owl", "tiger"]
    merged = changed(anna, three, newest=3, key="c2", renames={"owl": "dog"})
    assert (merged.classes, merged.image_count) == (["dog", "tiger"], 26)
    all_one = changed(anna, merged, newest=4, key="c3", renames={"tiger": "dog"})
    assert (all_one.state, all_one.message) == ("failed", "A training set needs pictures of at least two classes.")


def test_a_new_split_is_stratified_and_its_seed_repeats_it(first: TrainingSet, anna: Caller) -> None:
    half = changed(anna, first, newest=1, split={"validation": 0.5, "seed": 3})
    assert {label: each["validation"] for label, each in half.counts.items()} == {"cat": 6, "dog": 6}
    again = changed(anna, first, newest=2, key="c2", split={"validation": 0.5, "seed": 3})
    other = changed(anna, first, newest=3, key="c3", split={"validation": 0.5, "seed": 4})
    assert half.content_sha256 == again.content_sha256 != other.content_sha256


def test_going_back_makes_a_new_version_that_is_the_old_one(first: TrainingSet, anna: Caller) -> None:
    second = changed(anna, first, newest=1, renames={"cat": "tiger"}, exclusions=hashes(first, label="dog")[:1])
    assert second.content_sha256 != first.content_sha256
    answer = anna.post(f"/training-sets/{first.pk}/revert", {"newest": 2}, key="back")
    third = sets_made.prepared(answer.json()["id"])
    assert (third.version, third.content_sha256, third.shards) == (3, first.content_sha256, first.shards)
    assert anna.get(f"/training-sets/{third.pk}").json()["changes"]["reverted_to"] == 1
    assert anna.post(f"/training-sets/{first.pk}/revert", {"newest": 2}, key="back").json()["id"] == str(third.pk)


def test_going_back_is_repeated_after_a_lost_answer_though_the_old_version_is_in_the_trash(
    first: TrainingSet, anna: Caller
) -> None:
    changed(anna, first, newest=1, renames={"cat": "tiger"})
    made = anna.post(f"/training-sets/{first.pk}/revert", {"newest": 2}, key="back")
    entry = Trash.objects.create(
        project=first.project, kind="training_set", object_id=first.pk, title="x", expires_at=timezone.now()
    )
    TrainingSet.objects.filter(pk=first.pk).update(trash=entry)
    kwargs: dict[str, Any] = {"project": first.project, "to": first.pk, "newest": 2, "idempotency_key": "back"}
    again, created = training_set_revert(**kwargs)
    assert (str(again.pk), created) == (made.json()["id"], False)
    with pytest.raises(Problem):
        training_set_revert(**{**kwargs, "newest": 3, "idempotency_key": "another"})


def test_two_windows_do_not_overwrite_each_other(first: TrainingSet, anna: Caller) -> None:
    one, two = hashes(first, label="cat", split="train")[:2]
    changed(anna, first, newest=1, exclusions=[one])
    late = change(anna, first, newest=1, key="other", exclusions=[two])
    assert (late.status_code, late.json()["code"]) == (409, "version_conflict")
    assert late.json()["detail"].startswith("Version 2 was made meanwhile")
    late = anna.post(f"/training-sets/{first.pk}/revert", {"newest": 1}, key="other2")
    assert late.status_code == 409
    repeated = change(anna, first, newest=1, exclusions=[one])
    assert (repeated.status_code, repeated.json()["version"]) == (202, 2), "a lost answer is repeated, not refused"


NONSENSE: list[tuple[dict[str, Any], int, str]] = [
    ({}, 422, "nothing_to_do"),
    ({"renames": {"owl": "bird"}}, 422, "class_unknown"),
    ({"renames": {"cat": " "}}, 400, "invalid_request"),
    ({"renames": {"cat": "\u0007"}}, 422, "label_invalid"),
    ({"exclusions": ["f" * 64], "inclusions": ["f" * 64]}, 422, "changes_contradict"),
    ({"exclusions": ["cat.jpg"]}, 400, "invalid_request"),
    ({"splits": {"f" * 64: "test"}}, 400, "invalid_request"),
    ({"split": {"validation": 0.9, "seed": 1}}, 400, "invalid_request"),
    ({"newest": -1}, 400, "invalid_request"),
    ({"renames": {"\ud800": "x"}}, 400, "body_malformed"),
    ({"relabels": {"a\u0000": "cat"}}, 400, "body_malformed"),
]


def test_a_change_that_makes_no_sense_is_refused(first: TrainingSet, anna: Caller) -> None:
    for body, status, code in NONSENSE:
        answer = anna.post(f"/training-sets/{first.pk}/changes", {"newest": 1, **body}, key="c")
        assert (answer.status_code, answer.json()["code"]) == (status, code), body
    assert TrainingSet.objects.filter(project__isnull=False).count() == 1


def test_pictures_that_are_not_there_fail_the_version_with_a_reason(first: TrainingSet, anna: Caller) -> None:
    nothing = changed(anna, first, newest=1, exclusions=["f" * 64])
    assert nothing.state == "failed"
    assert nothing.report[0]["code"] == "not_found"


def test_nobody_changes_or_exports_the_set_of_another(first: TrainingSet, ben: Caller) -> None:
    ben.open(builders.spec(hidden_test_set=None, grading=None))
    path = f"/training-sets/{first.pk}"
    for answer in (
        change(ben, first, newest=0, renames={"cat": "x"}),
        ben.post(f"{path}/revert", {"newest": 0}, key="r"),
        ben.post(f"{path}/exports"),
        ben.get(f"{path}/report"),
    ):
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert ben.get(f"/projects/{first.project_id}/training-sets").status_code == 404


def test_where_the_educator_sets_the_classes_they_cannot_be_renamed(store: Any, course: Lms, anna: Caller) -> None:
    anna.open()
    files = [(f"{n}.jpg", made.jpeg(n), builders.CLASSES[n % 2]) for n in range(4)]
    mine = sets_made.prepared(sets_made.asked(anna, files))
    answer = change(anna, mine, newest=1, renames={"cat": "tiger"})
    assert (answer.status_code, answer.json()["code"]) == (422, "classes_fixed")
    assert {each["code"] for each in mine.warnings} == {"few_pictures", "nothing_kept_back"}


def test_history_is_paged_with_the_same_queries(
    first: TrainingSet, anna: Caller, django_assert_num_queries: Any
) -> None:
    rows = [
        TrainingSet(site=first.site, project=first.project, kind="project", title="x", version=n, state="failed",
                    idempotency_key=f"x{n}") for n in range(2, 30)
    ]  # fmt: skip
    TrainingSet.objects.bulk_create(rows)
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    counted = []
    for limit in (5, 20):
        with CaptureQueriesContext(
            connection,
        ) as queries:
            page = anna.get(f"/projects/{first.project_id}/training-sets", limit=limit).json()
        counted.append(len(queries))
        assert [each["version"] for each in page["results"]] == list(range(29, 29 - limit, -1))
    assert counted[0] == counted[1]
    rest = anna.get(f"/projects/{first.project_id}/training-sets", limit=20, cursor=page["next"]).json()
    assert ([each["version"] for each in rest["results"]], rest["next"]) == (list(range(9, 0, -1)), None)


def test_a_page_of_ten_thousand_pictures_costs_as_much_as_one_of_ten(first: TrainingSet, anna: Caller) -> None:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    from axons_service.training_sets import manifests

    def queries(after: str | None) -> tuple[int, Any]:
        with CaptureQueriesContext(connection) as captured:
            query = {"limit": 10} if after is None else {"limit": 10, "after": after}
            page = anna.get(f"/training-sets/{first.pk}/images", **query).json()
        return len(captured), page

    few, page = queries(None)
    manifest = manifest_read(first)
    image = manifest["images"][0]
    many = [{**image, "sha256": builders.sha256(str(n).encode()), "name": f"{n}.jpg"} for n in range(10_000)]
    data, digest = manifests.manifest_encode({**manifest, "images": many, "near_duplicates": []})  # type: ignore[typeddict-item]
    objects.put_bytes(first.manifest_key, data, "application/json")
    TrainingSet.objects.filter(pk=first.pk).update(manifest_sha256=digest)
    full, page = queries(cursor_sign([9979], of=f"images:{first.pk}:all"))
    assert (full, [each["name"] for each in page["images"]]) == (few, [f"{n}.jpg" for n in range(9980, 9990)])
    _, last = queries(page["next"])
    assert (len(last["images"]), last["next"]) == (10, None)


def test_a_long_report_is_paged_with_its_refusals_first(store: Any, course: Lms, anna: Caller) -> None:
    anna.open(builders.spec(hidden_test_set=None, grading=None))
    good = [(f"{n}.jpg", made.encoded(made.photo(n, (32, 32))), builders.CLASSES[n % 2]) for n in range(210)]
    found = sets_made.prepared(sets_made.asked(anna, [*good, ("notes.jpg", b"text", "cat")]))
    state = anna.get(f"/training-sets/{found.pk}").json()
    assert (len(state["report"]), state["report"][0]["file"]) == (100, "notes.jpg")
    assert state["report_counts"] == {"added": 210, "not_a_picture": 1}
    page = anna.get(
        f"/training-sets/{found.pk}/report", after=cursor_sign([149], of=f"report:{found.pk}"), limit=100
    ).json()
    assert (len(page["lines"]), page["next"]) == (61, None)
