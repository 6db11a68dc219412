"""A course moves to another site: its exercise by OLX, its sets as bundles. Nothing about either changes."""

import json
from pathlib import Path
from typing import Any

import pytest
import requests
from django.core.management import CommandError, call_command

from axons_service.storage import keys, objects
from axons_service.training_sets.bundles import BundleRefused, library_set_write
from axons_service.training_sets.library import library_set_import
from axons_service.training_sets.manifests import manifest_read
from axons_service.training_sets.models import TrainingSet
from tests.service import builders
from tests.service.builders import Caller, Lms
from tests.service.training_sets.test_prepare import folder
from tests.xblock.support import make_block
from tests.xblock.test_block import exported, imported

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.needs_s3]

STARTER, HIDDEN = "pets", "secret-pets"


@pytest.fixture
def home(store: Any, course: Lms, tmp_path: Path) -> Lms:
    """A site with an exercise's two sets."""
    library_set_import(site=course.site, folder=folder(tmp_path / "starter", name=STARTER))
    library_set_import(site=course.site, folder=folder(tmp_path / "hidden", role="hidden", name=HIDDEN, start=500))
    return course


def carried(name: str, source: Lms, target: Lms, tmp_path: Path) -> TrainingSet:
    """The set at `target`, after the two commands that an operator types."""
    place = tmp_path / "bundles" / name
    call_command("library_export", site=source.site.slug, name=name, path=place)
    call_command("library_import", site=target.site.slug, path=place)
    return TrainingSet.objects.get(site=target.site, name=name)


def test_an_exercise_and_its_sets_arrive_unchanged(home: Lms, tmp_path: Path) -> None:
    spec = builders.spec(starter_set=STARTER, hidden_test_set=HIDDEN)
    here = Caller(home).open(spec).json()
    abroad = builders.lms("abroad")
    for name in (STARTER, HIDDEN):
        ours = TrainingSet.objects.get(site=home.site, name=name)
        theirs = carried(name, home, abroad, tmp_path)
        assert theirs.content_sha256 == ours.content_sha256
        assert (theirs.kind, theirs.title, theirs.licence, theirs.credits, theirs.classes, theirs.counts) == (
            ours.kind, ours.title, ours.licence, ours.credits, ours.classes, ours.counts
        )  # fmt: skip
        assert theirs.manifest_key != ours.manifest_key

    olx = imported(exported(make_block(spec=spec)))
    there = Caller(abroad).open(olx.spec).json()
    assert there["project"]["spec_hash"] == here["project"]["spec_hash"]
    starter = there["project"]["starter_set"]
    assert (starter["name"], starter["image_count"]) == ("Pets", 10)
    picture = Caller(abroad).get(f"/training-sets/{starter['id']}/images").json()["images"][0]
    assert requests.get(picture["url"], timeout=10).status_code == 200


def test_the_hidden_set_stays_hidden_at_the_other_site(home: Lms, tmp_path: Path) -> None:
    abroad = builders.lms("abroad")
    hidden = carried(HIDDEN, home, abroad, tmp_path)
    learner, grader = Caller(abroad), Caller(abroad, learner="greta", role="grader")
    learner.open(builders.spec(starter_set=None, hidden_test_set=HIDDEN))
    assert learner.get(f"/training-sets/{hidden.pk}").status_code == 404
    assert learner.get(f"/training-sets/{hidden.pk}/images").status_code == 404
    assert learner.get("/library").status_code == 403
    assert learner.get("/leakage").status_code == 403
    told = learner.get(f"/projects/{learner.project().pk}").content.decode()
    assert HIDDEN not in told
    assert str(hidden.pk) not in told
    assert grader.get("/leakage").status_code == 200
    assert learner.get("/hidden-test-set").status_code == 403
    grader.open(builders.spec(starter_set=None, hidden_test_set=HIDDEN))
    assert grader.get("/hidden-test-set").json()["set"]["content_sha256"] == hidden.content_sha256
    names = [each["name"] for each in Caller(abroad, role="author").get("/library").json()["hidden_test_sets"]]
    assert names == [HIDDEN]


def test_the_same_set_gives_the_same_bytes(home: Lms, tmp_path: Path) -> None:
    pets = TrainingSet.objects.get(site=home.site, name=STARTER)
    sums = {library_set_write(training_set=pets, folder=tmp_path / name) for name in ("one", "two")}
    assert len(sums) == 1
    assert (tmp_path / "one/dataset.json").read_bytes() == (tmp_path / "two/dataset.json").read_bytes()
    assert (tmp_path / "one/CREDITS.md").read_text() == "By us."


def test_no_learners_set_leaves_as_a_bundle(home: Lms, tmp_path: Path) -> None:
    pets = TrainingSet.objects.get(site=home.site, name=STARTER)
    Caller(home).open(builders.spec(starter_set=STARTER))
    pets.pk, pets.kind, pets.project = None, TrainingSet.Kind.PROJECT, Caller(home).project()
    with pytest.raises(BundleRefused, match="no ready set of a library"):
        library_set_write(training_set=pets, folder=tmp_path / "theirs")


def test_a_damaged_picture_leaves_no_folder_behind(home: Lms, tmp_path: Path) -> None:
    pets = TrainingSet.objects.get(site=home.site, name=STARTER)
    victim = manifest_read(pets)["images"][3]["sha256"]
    objects.put_bytes(keys.blob_key(keys.owner_prefix(pets), victim), b"other", "image/jpeg")
    with pytest.raises(CommandError, match="damaged"):
        call_command("library_export", site=home.site.slug, name=STARTER, path=tmp_path / "out" / "pets")
    assert list((tmp_path / "out").iterdir()) == []


def test_the_command_says_what_is_wrong(home: Lms, tmp_path: Path) -> None:
    for wrong in ({"name": "nobody"}, {"name": STARTER, "set_version": 9}):
        with pytest.raises(CommandError, match="has no ready set"):
            call_command("library_export", site=home.site.slug, path=tmp_path / "x", **wrong)
    (tmp_path / "full").mkdir()
    (tmp_path / "full/mine.txt").write_text("kept")
    with pytest.raises(CommandError, match="not empty"):
        call_command("library_export", site=home.site.slug, name=STARTER, path=tmp_path / "full")
    assert json.dumps([file.name for file in (tmp_path / "full").iterdir()]) == '["mine.txt"]'
