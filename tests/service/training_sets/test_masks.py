"""Sets of pictures with masks: from a library, from a zip, changed, exported, collected. Needs the store."""

import hashlib
import io
import json
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import requests
from django.utils import timezone
from PIL import Image

from axons_service.operations.retention.references import project_references
from axons_service.storage import keys, objects
from axons_service.training_sets.bundles import library_set_write
from axons_service.training_sets.library import ImportRefused, library_set_import
from axons_service.training_sets.manifests import content_sha256, manifest_read
from axons_service.training_sets.models import TrainingSet
from tests.service import builders
from tests.service.builders import Caller, Lms
from tests.service.training_sets import masks_made, sets_made
from tests.service.training_sets import pictures_made as made
from tests.service.training_sets.test_archives import zipped
from tests.service.training_sets.test_exports import exported, imported
from tests.service.training_sets.test_versions import SCHEMA, change, changed

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.needs_s3]


@pytest.fixture
def plants(store: Any, course: Lms, tmp_path: Path) -> TrainingSet:
    """The starter set; the hidden one beside it."""
    library_set_import(site=course.site, folder=masks_made.folder(tmp_path / "h", role="hidden", name="secret-plants"))
    return library_set_import(site=course.site, folder=masks_made.folder(tmp_path / "s"))[0]


@pytest.fixture
def learner(plants: TrainingSet, anna: Caller) -> Caller:
    answer = anna.open(masks_made.spec())
    assert answer.status_code == 200, answer.content
    return anna


def members(training_set: TrainingSet) -> dict[str, bytes]:
    """Everything in a set's shards."""
    found: dict[str, bytes] = {}
    for shard in training_set.shards:
        with tarfile.open(fileobj=io.BytesIO(objects.get_bytes(shard["key"]))) as tar:
            for member in tar:
                content = tar.extractfile(member)
                assert content is not None
                assert member.name not in found, "a shard holds a mask once"
                found[member.name] = content.read()
    return found


def reasons(training_set: TrainingSet) -> dict[str, str]:
    return {line["file"]: line["code"] for line in training_set.report if not line["accepted"]}


def test_a_manifest_and_its_shards_are_as_the_contract_says(plants: TrainingSet) -> None:
    manifest = json.loads(objects.get_bytes(plants.manifest_key))
    jsonschema.validate(manifest, SCHEMA)
    assert (plants.task, manifest["task"], manifest["classes"]) == ("segmentation", "segmentation", masks_made.CLASSES)
    assert {each["label"] for each in manifest["images"]} == {"leaf", "fruit"}
    assert {each["split"] for each in manifest["images"]} == {"train", "validation"}
    packed = members(plants)
    assert plants.shards[0]["count"] == 10
    for image in manifest["images"]:
        assert hashlib.sha256(packed[f"{image['sha256']}.jpg"]).hexdigest() == image["sha256"]
        mask = packed[f"{image['mask']['sha256']}.png"]
        assert (hashlib.sha256(mask).hexdigest(), len(mask)) == (image["mask"]["sha256"], image["mask"]["bytes"])
        with Image.open(io.BytesIO(mask)) as drawn:
            assert (drawn.mode, drawn.size) == ("L", (image["width"], image["height"]))
    other = [{**each, "mask": {"sha256": "0" * 64, "bytes": 1}} for each in manifest["images"]]
    assert content_sha256(plants.classes, other) != plants.content_sha256


def test_a_set_of_labels_has_the_manifest_that_it_always_had(store: Any, course: Lms, anna: Caller) -> None:
    anna.open(builders.spec(hidden_test_set=None, grading=None))
    pets = [(f"{n}.jpg", made.jpeg(n), builders.CLASSES[n % 2]) for n in range(6)]
    found = sets_made.prepared(sets_made.asked(anna, pets))
    manifest = manifest_read(found)
    assert "task" not in manifest
    assert not any("mask" in image for image in manifest["images"])
    shown = anna.get(f"/training-sets/{found.pk}").json()
    assert (shown["task"], shown["colours"]) == ("classification", {})
    assert anna.get(f"/training-sets/{found.pk}/images").json()["images"][0]["mask_url"] is None


def test_lists_show_masks_in_the_colours_of_their_classes(learner: Caller, plants: TrainingSet) -> None:
    shown = learner.get(f"/training-sets/{plants.pk}").json()
    assert shown["colours"] == {"background": "#000000", "leaf": "#800000", "fruit": "#008000"}
    assert shown["warnings"] == []
    image = learner.get(f"/training-sets/{plants.pk}/images", label="fruit").json()["images"][0]
    answer = requests.get(image["mask_url"], timeout=10)
    assert answer.headers["Content-Type"] == "image/png"
    with Image.open(io.BytesIO(answer.content)) as mask:
        assert mask.size == (image["width"], image["height"])
        assert (0, 128, 0, 255) in {colour for _, colour in mask.convert("RGBA").getcolors() or []}


REFUSED_FOLDERS: dict[str, tuple[dict[str, Any], str]] = {
    "no mask": ({"members": {**masks_made.files(3), "images/x.jpg": made.jpeg(77)}}, "images/x.jpg has no mask"),
    "no picture": (
        {"members": {**masks_made.files(3), "masks/x.png": masks_made.mask_png()}},
        "masks/x.png in images.tar is the mask of no picture",
    ),
    "other size": (
        {"members": {**masks_made.files(3), "masks/1.png": masks_made.mask_png(size=(64, 64))}},
        "masks/1.png has 64 by 64 pixels, its picture 64 by 48",
    ),
    "unknown value": ({"classes": ["background", "leaf"]}, "names other classes than dataset.json"),
    "value without a class": (
        {"members": {**masks_made.files(3), "masks/1.png": masks_made.mask_png(value=9)}},
        "masks/1.png has pixels of the value 9",
    ),
    "too many classes": ({"classes": [f"c{n}" for n in range(22)]}, "2 to 21 classes"),
    "task": ({"task": "detection"}, "classification or segmentation, not detection"),
    "hash": ({"images": []}, "images/0.jpg, which dataset.json does not name|mask of no picture"),
}


@pytest.mark.parametrize(("changes", "sentence"), REFUSED_FOLDERS.values(), ids=list(REFUSED_FOLDERS))
def test_a_folder_that_is_no_set_with_masks_is_refused_whole(
    store: Any, course: Lms, tmp_path: Path, changes: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(ImportRefused, match=sentence):
        library_set_import(site=course.site, folder=masks_made.folder(tmp_path / "s", **changes))
    assert not TrainingSet.objects.filter(name="plants").exists()


def test_a_library_set_with_masks_travels_as_a_bundle(plants: TrainingSet, tmp_path: Path) -> None:
    library_set_write(training_set=plants, folder=tmp_path / "out")
    abroad = builders.lms("abroad")
    theirs, _ = library_set_import(site=abroad.site, folder=tmp_path / "out")
    assert (theirs.task, theirs.content_sha256, theirs.counts) == (plants.task, plants.content_sha256, plants.counts)


def test_a_zip_becomes_a_set_with_a_reason_for_each_file_that_cannot(learner: Caller) -> None:
    files = {f"plants/{path}": data for path, data in masks_made.files(8, start=40).items()}
    files |= {
        "plants/images/alone.jpg": made.jpeg(90),
        "plants/masks/alone too.png": masks_made.mask_png(),
        "plants/images/wide.jpg": made.jpeg(91),
        "plants/masks/wide.png": masks_made.mask_png(size=(65, 48)),
        "plants/images/odd.jpg": made.jpeg(92),
        "plants/masks/odd.png": masks_made.mask_png(value=7),
        "plants/images/deep.jpg": made.jpeg(93),
        "plants/masks/deep.png": made.encoded(Image.new("I;16", (64, 48), 1), "PNG"),
        "plants/images/twice.jpg": made.jpeg(94),
        "plants/images/twice.png": made.encoded(made.photo(95), "PNG"),
        "plants/masks/twice.png": masks_made.mask_png(),
        "plants/images/cut.jpg": made.jpeg(96)[:-300],
        "plants/masks/cut.png": masks_made.mask_png(),
        "plants/images/indexed.jpg": made.jpeg(97),
        "plants/masks/indexed.png": masks_made.palette_png(masks_made.mask(97), transparency=0),
        "plants/images/.DS_Store": b"x",
    }
    mine = imported(learner, zipped(files), name="plants.zip")
    assert (mine.state, mine.task, mine.image_count, mine.classes) == ("ready", "segmentation", 10, masks_made.CLASSES)
    assert reasons(mine) == {
        "plants/images/alone.jpg": "mask_missing",
        "plants/masks/alone too.png": "picture_missing",
        "wide.jpg": "mask_size",
        "odd.jpg": "mask_value",
        "deep.jpg": "mask_depth",
        "plants/images/twice.png": "mask_shared",
        "cut.jpg": "truncated",
    }
    sentences = " ".join(line["reason"] for line in mine.report if line["reason"])
    assert "plants/masks/wide.png has 65 by 48 pixels, its picture 64 by 48" in sentences
    assert "Add plants/masks/alone.png, or leave the picture out" in sentences


UNUSABLE_ZIPS: dict[str, tuple[dict[str, bytes], str]] = {
    "no classes": ({"images/a.jpg": made.jpeg(1), "masks/a.png": masks_made.mask_png()}, "has no classes.txt"),
    "other classes": ({**masks_made.files(3), "classes.txt": b"background\nfruit\nleaf"}, "in this order"),
    "one class": ({**masks_made.files(3), "classes.txt": b"background\n\n"}, "names 1 classes"),
    "class twice": ({**masks_made.files(3), "classes.txt": b"a\nb\na"}, "names a twice"),
    "empty line": ({**masks_made.files(3), "classes.txt": b"a\n\nb"}, "Line 2 of classes.txt"),
    "latin": ({**masks_made.files(3), "classes.txt": "a\nbl\u00e4tter".encode("latin-1")}, "UTF-8"),
    "empty": ({"classes.txt": "\n".join(masks_made.CLASSES).encode()}, "holds no pictures"),
    "folders of classes": ({"cat/a.jpg": made.jpeg(1)}, "Put a folder images, a folder masks"),
    "nothing fits": (
        {"classes.txt": "\n".join(masks_made.CLASSES).encode(), "images/a.jpg": made.jpeg(1)},
        "None of the pictures",
    ),
}


@pytest.mark.parametrize(("files", "sentence"), UNUSABLE_ZIPS.values(), ids=list(UNUSABLE_ZIPS))
def test_a_zip_that_is_no_set_with_masks_fails_with_a_sentence(
    learner: Caller, files: dict[str, bytes], sentence: str
) -> None:
    mine = imported(learner, zipped(files))
    assert mine.state == "failed"
    assert sentence in mine.message


def test_without_sets_of_the_educator_the_zip_names_the_classes(store: Any, course: Lms, anna: Caller) -> None:
    anna.open(masks_made.spec(starter_set=None, hidden_test_set=None, grading=None))
    files = {**masks_made.files(6), "classes.txt": "\ufeffsky\r\ncloud\r\nbird\r\n".encode()}
    mine = imported(anna, zipped(files))
    assert (mine.state, mine.classes) == ("ready", ["sky", "cloud", "bird"])
    left = [each["sha256"] for each in manifest_read(mine)["images"] if each["label"] == "bird"]
    fewer = changed(anna, mine, newest=1, exclusions=left)
    assert fewer.classes == ["sky", "cloud", "bird"], "a mask's values stay what they are"


def test_pictures_are_left_out_split_and_taken_back_without_packing_anew(learner: Caller, plants: TrainingSet) -> None:
    images = manifest_read(plants)["images"]
    fewer = changed(learner, plants, newest=0, exclusions=[images[0]["sha256"]], split={"validation": 0.3, "seed": 5})
    assert (fewer.image_count, fewer.shards, fewer.task) == (9, plants.shards, "segmentation")
    assert all("mask" in image for image in manifest_read(fewer)["images"])
    whole = changed(learner, fewer, newest=1, key="back", inclusions=[images[0]["sha256"]])
    assert whole.image_count == 10
    shown = learner.get(f"/training-sets/{whole.pk}/images", limit=50).json()["images"]
    assert len(shown) == 10
    for image in shown:  # the starter set's own blobs
        assert requests.get(image["mask_url"], timeout=10).status_code == 200


def test_labels_are_the_masks_business(learner: Caller, plants: TrainingSet) -> None:
    sha256 = manifest_read(plants)["images"][0]["sha256"]
    for asked in ({"relabels": {sha256: "fruit"}}, {"renames": {"leaf": "Leaf"}}):
        answer = change(learner, plants, newest=0, **asked)
        assert (answer.status_code, answer.json()["code"]) == (422, "masks_decide")
        assert "as a zip file" in answer.json()["detail"]
    [upload] = sets_made.uploaded(learner.project(), [("a.jpg", made.jpeg(1))])
    added = learner.post("/training-sets", {"additions": [{"upload": upload, "label": "leaf"}]}, key="a")
    assert (added.status_code, added.json()["code"]) == (422, "masks_decide")
    renamed = learner.post("/training-sets", {"base": str(plants.pk), "relabels": {sha256: "fruit"}}, key="b")
    assert (renamed.status_code, renamed.json()["code"]) == (422, "masks_decide")
    assert not TrainingSet.objects.filter(project__isnull=False).exists()


def test_a_set_with_masks_comes_back_from_its_zip_as_it_was(learner: Caller, plants: TrainingSet) -> None:
    images = manifest_read(plants)["images"]
    mine = changed(learner, plants, newest=0, exclusions=[images[0]["sha256"]], split={"validation": 0.3, "seed": 5})
    data = requests.get(exported(learner, mine)["url"], timeout=10).content
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        names = set(archive.namelist())
        assert archive.read("classes.txt").decode() == "background\nleaf\nfruit\n"
        assert json.loads(archive.read("manifest.json"))["task"] == "segmentation"
    assert {name.split("/")[0] for name in names} == {"manifest.json", "classes.txt", "LICENSES", "images", "masks"}
    stems = {name.removeprefix("images/").removesuffix(".jpg") for name in names if name.startswith("images/")}
    assert stems == {name.removeprefix("masks/").removesuffix(".png") for name in names if name.startswith("masks/")}
    again = imported(learner, data)
    assert (again.state, again.content_sha256, again.counts) == ("ready", mine.content_sha256, mine.counts)


def test_a_picture_with_another_mask_is_packed_with_it(store: Any, course: Lms, anna: Caller) -> None:
    anna.open(masks_made.spec(starter_set=None, hidden_test_set=None, grading=None))
    files = masks_made.files(4)
    first = imported(anna, zipped(files))
    drawn_anew = imported(anna, zipped({**files, "masks/0.png": masks_made.mask_png(0, value=2)}), key="two")
    assert first.content_sha256 != drawn_anew.content_sha256
    packed = members(drawn_anew)
    assert {f"{each['mask']['sha256']}.png" for each in manifest_read(drawn_anew)["images"]} <= packed.keys()


def test_masks_are_no_garbage_as_long_as_a_set_names_them(learner: Caller) -> None:
    mine = imported(learner, zipped(masks_made.files(4, start=60)))
    project = learner.project()
    prefix = keys.project_prefix(project)
    names = project_references(project.pk)
    for image in manifest_read(mine)["images"]:
        for key in (
            keys.blob_key(prefix, image["mask"]["sha256"]),
            keys.thumbnail_key(prefix, image["mask"]["sha256"]),
        ):
            assert objects.head(key) is not None
            assert not names.is_garbage(key, prefix)
    TrainingSet.objects.filter(pk=mine.pk).update(purged_at=timezone.now())
    assert project_references(project.pk).is_garbage(key, prefix)


def test_the_hidden_set_is_compared_and_its_masks_have_no_url(learner: Caller, plants: TrainingSet) -> None:
    hidden = TrainingSet.objects.get(name="secret-plants")
    leaked = masks_made.files(3, start=70) | {
        "images/h.jpg": made.jpeg(500),
        "masks/h.png": masks_made.mask_png(500),
    }
    mine = imported(learner, zipped(leaked))
    assert learner.get(f"/training-sets/{hidden.pk}/images").status_code == 404
    staff = Caller(learner.lms, learner="greta", role="grader")
    found = staff.get(f"/training-sets/{mine.pk}/leakage").json()
    assert (found["exact"], found["matches"][0]["kind"]) == (1, "exact")
