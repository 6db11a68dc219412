"""An author makes sets for the library: uploaded, forked, published, and found by who may choose them."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from django.core.management import call_command
from django.utils import timezone

from axons_service.exercises.models import Project
from axons_service.jobs.models import Job
from axons_service.operations.retention import ages
from axons_service.operations.retention.erasure import learner_erase
from axons_service.storage import keys, objects
from axons_service.training_sets.bundles import library_set_write
from axons_service.training_sets.images import images_page
from axons_service.training_sets.library import ImportRefused, library_set_import
from axons_service.training_sets.manifests import manifest_read
from axons_service.training_sets.models import TrainingSet
from axons_service.training_sets.prepare import training_set_prepare, training_sets_rescue
from axons_service.training_sets.publishing import GONE
from axons_service.training_sets.selectors import library_set
from tests.service import builders
from tests.service.builders import Caller, Lms
from tests.service.training_sets import pictures_made as made
from tests.service.training_sets import sets_made
from tests.service.training_sets.test_prepare import folder

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.needs_s3]
OTHER_COURSE = "course-v1:Demo+OTHER+2026"


class Author(Caller):
    """An author in the workshop of their exercise."""

    course = builders.COURSE

    def token(self, **changes: Any) -> str:
        return super().token(**{"course": self.course, **changes})

    def project(self) -> Project:
        return Project.objects.select_related("exercise").get(learner=self.learner)


@pytest.fixture
def smith(store: Any, course: Lms) -> Author:
    """Her workshop is open."""
    author = Author(course, learner="workshop-smith", role="author")
    assert author.post("/workshop/open", {"task": "classification"}).status_code == 200
    return author


@pytest.fixture
def rival(store: Any, course: Lms) -> Author:
    """An author of another course."""
    author = Author(course, learner="workshop-rival", role="author", usage=builders.USAGE + "-rival")
    author.course = OTHER_COURSE
    assert author.post("/workshop/open", {"task": "classification"}).status_code == 200
    return author


def drawn(author: Author, *, start: int = 0, key: str = "draft", count: int = 10) -> TrainingSet:
    """A draft of made pictures, half of them ripe."""
    files = [(f"{n}.jpg", made.jpeg(start + n), ("ripe", "unripe")[n % 2]) for n in range(count)]
    return sets_made.prepared(sets_made.asked(author, files, key=key))


def published(author: Author, draft: TrainingSet, *, key: str = "p", **asked: Any) -> TrainingSet:
    answer = author.post(
        "/workshop/publications",
        {"training_set": str(draft.pk), "kind": "starter", "title": "Garden fruit", **asked},
        key=key,
    )
    assert answer.status_code == 202, answer.content
    return sets_made.prepared(answer.json()["id"])


def named(author: Author, kind: str = "starter_sets") -> dict[str, dict[str, Any]]:
    return {each["title"]: each for each in author.get("/library").json()[kind]}


def test_an_author_uploads_a_set_publishes_it_and_students_begin_with_it(smith: Author, anna: Caller) -> None:
    draft = drawn(smith)
    assert draft.classes == ["ripe", "unripe"], "the author names the classes, whatever the exercise has"
    library = published(smith, draft, description="From our garden.", licence="CC0", credits="The class of 2025.")
    assert (library.state, library.course_key, library.published_by) == ("ready", builders.COURSE, "workshop-smith")
    seen = named(smith)["Garden fruit"]
    assert seen["name"] == f"garden-fruit@{library.content_sha256}"
    assert (seen["is_own"], seen["count"], seen["licence"], seen["description"]) == (
        True,
        10,
        "CC0",
        "From our garden.",
    )

    spec = builders.spec(starter_set=seen["name"], hidden_test_set=None, grading=None)
    assert smith.post("/specs/validate", {"spec": spec}).status_code == 200
    starter = anna.open(spec).json()["project"]["starter_set"]
    assert (starter["id"], starter["credits"]) == (str(library.pk), "The class of 2025.")
    for image in anna.get(f"/training-sets/{library.pk}/images").json()["images"]:
        assert builders.sha256(requests.get(image["url"], timeout=10).content) == image["sha256"]
        assert requests.get(image["thumbnail_url"], timeout=10).status_code == 200
    for shard in library.shards:
        assert shard["key"].startswith(keys.training_set_prefix(library))
        assert builders.sha256(objects.get_bytes(shard["key"])) == shard["sha256"]
    job = anna.post(
        "/jobs",
        {"kind": "training", "training_set": str(library.pk), "hyperparameters": {"epochs": 3}},
        key="train",
    )
    assert job.status_code == 201, job.content


def test_a_fork_shares_every_picture_and_may_be_changed_and_published(smith: Author, tmp_path: Path) -> None:
    base = library_set_import(site=smith.lms.site, folder=folder(tmp_path / "pets", role="starter", name="pets"))[0]
    answer = smith.post("/workshop/forks", {"base": str(base.pk)}, key="f")
    assert answer.status_code == 202, answer.content
    assert smith.post("/workshop/forks", {"base": str(base.pk)}, key="f").json()["id"] == answer.json()["id"]
    forked = sets_made.prepared(answer.json()["id"])
    assert (forked.image_count, forked.classes, forked.stored_bytes) == (base.image_count, base.classes, 0)
    stored = [each.key.rsplit("/", 1)[-1] for each in objects.list_page(keys.owner_prefix(forked))]
    assert stored == ["manifest.json"], "no picture was copied"
    assert smith.get(f"/training-sets/{forked.pk}").json()["changes"]["kind"] == "forked"

    images = manifest_read(forked)["images"]
    out, moved = images[0]["sha256"], images[1]["sha256"]
    changed = smith.post(
        f"/training-sets/{forked.pk}/changes",
        {"newest": forked.version, "exclusions": [out], "relabels": {moved: "dog"}, "renames": {"cat": "kitten"}},
        key="c",
    )
    assert changed.status_code == 202, changed.content
    draft = sets_made.prepared(changed.json()["id"])
    library = published(smith, draft, title="Kittens")
    assert library.classes == ["dog", "kitten"]
    assert library.image_count == base.image_count - 1
    assert {shard["key"] for shard in library.shards} == {shard["key"] for shard in base.shards}
    assert library.stored_bytes == 0
    again = TrainingSet.objects.get(pk=base.pk)
    assert (again.content_sha256, again.manifest_sha256) == (base.content_sha256, base.manifest_sha256)


def test_learners_and_graders_reach_none_of_it(smith: Author, anna: Caller, grader: Caller) -> None:
    draft = drawn(smith)
    library = published(smith, draft)
    anna.open()
    grader.open()
    body = {"training_set": str(draft.pk), "kind": "starter", "title": "Mine"}
    for who in (anna, grader):
        for path, sent in (
            ("/workshop/open", {"task": "classification"}),
            ("/workshop/forks", {"base": str(library.pk)}),
            ("/workshop/publications", body),
        ):
            refused = who.post(path, sent, key="k")
            assert (refused.status_code, refused.json()["code"]) == (403, "author_only"), path
        assert who.get(f"/workshop/publications/{library.pk}").status_code == 403
        assert who.get("/library").status_code == 403
    assert anna.get(f"/training-sets/{draft.pk}").status_code == 404


def test_an_author_of_another_course_neither_sees_nor_changes_nor_forks_it(smith: Author, rival: Author) -> None:
    draft = drawn(smith)
    library = published(smith, draft)
    assert "Garden fruit" not in named(rival)
    assert rival.get(f"/workshop/publications/{library.pk}").status_code == 404
    assert rival.post("/workshop/forks", {"base": str(library.pk)}, key="f").status_code == 404
    theirs = drawn(rival, start=300)
    body = {"training_set": str(theirs.pk), "kind": "starter", "set": str(library.pk)}
    assert rival.post("/workshop/publications", body, key="n").status_code == 404
    stolen = {"training_set": str(draft.pk), "kind": "starter", "title": "Stolen"}
    assert rival.post("/workshop/publications", stolen, key="s").status_code == 404
    own = published(rival, theirs)
    assert (own.name, own.version) == ("garden-fruit-2", 1), "the same title makes a set of its own"
    guessed = builders.spec(starter_set="garden-fruit", hidden_test_set=None, grading=None)
    assert rival.post("/specs/validate", {"spec": guessed}).status_code == 422, "a bare name finds no course's set"
    rerun = builders.spec(starter_set=f"garden-fruit@{library.content_sha256}", hidden_test_set=None, grading=None)
    assert rival.post("/specs/validate", {"spec": rerun}).status_code == 200, "a rerun of the course keeps its set"


def test_a_later_version_leaves_exercises_with_what_they_chose(smith: Author, anna: Caller) -> None:
    first = published(smith, drawn(smith))
    spec = builders.spec(starter_set=named(smith)["Garden fruit"]["name"], hidden_test_set=None, grading=None)
    anna.open(spec)
    second = published(smith, drawn(smith, start=40, key="d2"), key="p2", title="", set=str(first.pk))
    assert (second.name, second.title, second.version) == ("garden-fruit", "Garden fruit", 2)
    assert anna.open(spec).json()["project"]["starter_set"]["id"] == str(first.pk)
    assert named(smith)["Garden fruit"]["version"] == 2
    newer = builders.spec(starter_set=named(smith)["Garden fruit"]["name"], hidden_test_set=None, grading=None)
    assert anna.open(newer).json()["project"]["starter_set"]["id"] == str(second.pk)
    assert anna.get(f"/training-sets/{first.pk}/images").status_code == 200, "runs on the first one can still be read"


def test_asking_twice_publishes_once(smith: Author) -> None:
    draft = drawn(smith)
    body = {"training_set": str(draft.pk), "kind": "starter", "title": "Garden fruit"}
    ids = {smith.post("/workshop/publications", body, key=key).json()["id"] for key in ("one", "one", "two")}
    assert len(ids) == 1
    other = {**body, "training_set": str(drawn(smith, start=60, key="d2").pk)}
    refused = smith.post("/workshop/publications", other, key="three").json()
    assert (refused["code"], refused["errors"][0]["field"]) == ("publication_invalid", "title")
    assert smith.post("/workshop/publications", {**other, "title": " "}, key="four").status_code == 422
    assert TrainingSet.objects.filter(published_by="workshop-smith").count() == 1


def test_the_words_beside_a_published_set_can_be_corrected(smith: Author) -> None:
    draft = drawn(smith)
    first = published(smith, draft, licence="CC0", credits="Nobody")
    again = published(smith, draft, key="p2", title="", set=str(first.pk), licence=" CC BY 4.0 ", credits="Anna")
    assert (again.pk, again.version, again.title) == (first.pk, 1, "Garden fruit")
    assert (again.licence, again.credits, again.content_sha256) == ("CC BY 4.0", "Anna", first.content_sha256)


def test_how_far_a_set_is_on_its_way_into_the_library_is_told(smith: Author, monkeypatch: pytest.MonkeyPatch) -> None:
    from axons_service.training_sets import prepare

    body = {"training_set": str(drawn(smith).pk), "kind": "starter", "title": "Garden fruit"}
    made_id = smith.post("/workshop/publications", body, key="p").json()["id"]
    monkeypatch.setattr(prepare, "SLICE_SECONDS", -1.0)
    assert not training_set_prepare(training_set_id=made_id)
    told = smith.get(f"/workshop/publications/{made_id}").json()
    assert (told["state"], told["progress"]["done"]) == ("preparing", 0)
    assert told["progress"]["total"] >= 20, "ten pictures and their thumbnails"


def test_pictures_of_the_hidden_test_set_are_named_before_they_are_published(smith: Author, tmp_path: Path) -> None:
    path = folder(tmp_path / "hidden", role="hidden", name="secret-pets", start=500)
    library_set_import(site=smith.lms.site, folder=path)
    files = [(f"{n}.jpg", made.jpeg(n), builders.CLASSES[n % 2]) for n in range(8)]
    near = made.encoded(made.photo(551).resize((60, 45)), quality=80)
    asked = sets_made.asked(smith, [*files, ("same.jpg", made.jpeg(500), "cat"), ("near.jpg", near, "dog")])
    draft = sets_made.prepared(asked)
    body = {"training_set": str(draft.pk), "kind": "starter", "title": "Leaky", "against": "secret-pets"}
    refused = smith.post("/workshop/publications", body, key="a")
    assert (refused.status_code, refused.json()["code"]) == (409, "leakage_found")
    assert [each["message"] for each in refused.json()["errors"]] == [
        "same.jpg (cat) is cat0.jpg of the hidden test set.",
        "near.jpg (dog) looks almost like dog1.jpg of the hidden test set.",
    ]
    leave_out = {"newest": draft.version, "exclusions": [each["field"] for each in refused.json()["errors"]]}
    clean = sets_made.prepared(smith.post(f"/training-sets/{draft.pk}/changes", leave_out, key="c").json()["id"])
    assert published(smith, clean, title="Leaky", against="secret-pets").image_count == 8
    assert published(smith, draft, key="b", title="On purpose", against="secret-pets", despite_leakage=True)


def test_a_hidden_test_set_is_published_for_staff_alone(smith: Author, anna: Caller) -> None:
    starter = published(smith, drawn(smith))
    name = named(smith)["Garden fruit"]["name"]
    mixed = sets_made.prepared(
        sets_made.asked(
            smith, [(f"{n}.jpg", made.jpeg(n), ("ripe", "unripe")[n % 2]) for n in (1, 700, 701, 702)], key="mixed"
        )
    )
    body = {"training_set": str(mixed.pk), "kind": "hidden", "title": "Garden fruit, hidden", "against": name}
    refused = smith.post("/workshop/publications", body, key="h")
    assert refused.json()["code"] == "leakage_found"
    assert refused.json()["errors"][0]["message"].endswith("of the starter set.")
    hidden = published(smith, drawn(smith, start=720, key="h2"), key="h3", kind="hidden", title="Garden fruit, hidden")
    assert (hidden.kind, set(hidden.counts["ripe"])) == ("hidden", {"test"})
    assert all(each["split"] == "test" for each in manifest_read(hidden)["images"])
    place = keys.blob_key(f"sites/{smith.lms.site.pk}/hidden/", manifest_read(hidden)["images"][0]["sha256"])
    assert objects.exists(place)
    spec = builders.spec(starter_set=name, hidden_test_set=named(smith, "hidden_test_sets")[hidden.title]["name"])
    assert smith.post("/specs/validate", {"spec": spec}).status_code == 200
    opened = anna.open(spec)
    assert hidden.content_sha256 not in opened.content.decode()
    assert anna.get(f"/training-sets/{hidden.pk}/images").status_code == 404
    assert smith.post("/workshop/forks", {"base": str(hidden.pk)}, key="f").status_code == 404
    assert starter.pk


def test_a_course_that_has_filled_its_part_of_the_library_is_told_so(smith: Author, settings: Any) -> None:
    settings.AXONS_COURSE_LIBRARY_BYTES = 1000
    body = {"training_set": str(drawn(smith).pk), "kind": "starter", "title": "Too much"}
    refused = smith.post("/workshop/publications", body, key="k")
    assert (refused.status_code, refused.json()["code"]) == (409, "library_full")


def test_a_worker_that_died_or_a_draft_that_is_gone(smith: Author, monkeypatch: pytest.MonkeyPatch) -> None:
    from axons_service.training_sets import prepare, publishing

    draft = drawn(smith)
    body = {"training_set": str(draft.pk), "kind": "starter", "title": "Garden fruit"}
    library = smith.post("/workshop/publications", body, key="k").json()["id"]
    monkeypatch.setattr(publishing, "BATCH", 4)
    monkeypatch.setattr(prepare, "SLICE_SECONDS", 0.0)
    assert training_set_prepare(training_set_id=library) is False, "no time: another slice"
    monkeypatch.setattr(prepare, "SLICE_SECONDS", 20.0)
    TrainingSet.objects.filter(pk=library).update(created_at=timezone.now() - timedelta(minutes=2))
    assert training_sets_rescue() == 1
    assert sets_made.prepared(library).state == "ready"

    other = drawn(smith, start=80, key="d2")
    lost = smith.post(
        "/workshop/publications", {**body, "training_set": str(other.pk), "title": "Lost"}, key="l"
    ).json()
    entry = smith.post(f"/projects/{other.project_id}/trash", {"kind": "training_set", "object": str(other.pk)}).json()
    smith.post(f"/projects/{other.project_id}/trash/{entry['id']}/delete", {})
    failed = sets_made.prepared(lost["id"])
    assert (failed.state, failed.message) == ("failed", GONE)
    assert smith.get(f"/workshop/publications/{lost['id']}").json()["message"] == GONE


def test_the_workshop_trains_nothing_and_is_no_ones_trial_project(smith: Author, course: Lms) -> None:
    draft = drawn(smith)
    job = {"kind": "training", "training_set": str(draft.pk), "hyperparameters": {"epochs": 3}}
    assert smith.post("/jobs", job, key="j").json()["code"] == "training_not_offered"
    assert not Job.objects.exists()
    arthur = Author(course, learner="arthur", role="author")
    arthur.open()
    refused = arthur.post("/workshop/open", {"task": "classification"})
    assert (refused.status_code, refused.json()["code"]) == (409, "not_a_workshop")
    fork = arthur.post("/workshop/forks", {"base": str(draft.pk)}, key="f")
    assert fork.json()["code"] == "not_a_workshop"
    kept = smith.post("/workshop/open", {}).json()["project"]
    assert (kept["spec"]["task"], len(kept["training_sets"])) == ("classification", 1)
    turned = smith.post("/workshop/open", {"task": "segmentation"}).json()["project"]
    assert turned["spec"]["task"] == "segmentation"


def test_forgotten_drafts_go_to_the_trash_and_what_was_published_stays(smith: Author) -> None:
    library = published(smith, drawn(smith))
    assert ages.workshops_sweep() == 0
    old = timezone.now() - timedelta(days=91)
    TrainingSet.objects.filter(project__isnull=False).update(created_at=old)
    recent = drawn(smith, start=90, key="new")
    assert ages.workshops_sweep() == 0, "somebody is at work here"
    TrainingSet.objects.filter(pk=recent.pk).update(created_at=old)
    assert ages.workshops_sweep() == 1
    assert ages.workshops_sweep() == 0
    assert smith.post("/workshop/open", {}).json()["project"]["training_sets"] == []
    assert library_set(smith.lms.site, kind="starter", name=f"garden-fruit@{library.content_sha256}") == library


def test_an_author_who_leaves_takes_the_drafts_along_and_not_the_set(smith: Author) -> None:
    library = published(smith, drawn(smith))
    learner_erase(site=smith.lms.site, learner="workshop-smith", requested_by="lms")
    library.refresh_from_db()
    assert library.published_by == ""
    assert not Project.objects.filter(learner="workshop-smith").exists()
    assert images_page(library, label=None, split=None, after=None, limit=5)["images"]


def test_an_operator_carries_it_to_another_site_under_the_same_name(smith: Author, tmp_path: Path) -> None:
    draft = drawn(smith)
    image = next(each for each in manifest_read(draft)["images"] if each["split"] == "train")
    moved = smith.post(
        f"/training-sets/{draft.pk}/changes", {"newest": 1, "splits": {image["sha256"]: "validation"}}, key="c"
    ).json()["id"]
    library = published(smith, sets_made.prepared(moved), description="From our garden.")
    library_set_write(training_set=library, folder=tmp_path / "bundle")
    there = library_set_import(site=builders.lms("other").site, folder=tmp_path / "bundle")[0]
    assert (there.content_sha256, there.description, there.course_key) == (
        library.content_sha256,
        "From our garden.",
        "",
    )
    found = library_set(there.site, kind="starter", name=f"garden-fruit@{library.content_sha256}")
    assert found == there, "the exercise's spec means it there too"
    TrainingSet.objects.filter(pk=there.pk).update(name="fruit-of-garden")
    assert library_set(there.site, kind="starter", name=f"garden-fruit@{library.content_sha256}") == there
    assert library_set(there.site, kind="hidden", name=f"garden-fruit@{library.content_sha256}") is None
    call_command("library_export", site="other", name=f"x@{library.content_sha256}", path=tmp_path / "once more")
    assert (tmp_path / "once more" / "images.tar").exists()
    with pytest.raises(ImportRefused, match="has published a set named"):
        library_set_import(site=smith.lms.site, folder=tmp_path / "bundle")
