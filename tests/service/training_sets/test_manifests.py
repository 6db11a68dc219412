"""Splits and manifests."""

from hypothesis import given
from hypothesis import strategies as st

from axons_service.training_sets.manifests import Image, image_counts, manifest_encode, split_assign
from tests.service.builders import sha256


def image(number: int, label: str, split: str = "") -> Image:
    name = f"{number}.jpg"
    return {"sha256": sha256(name.encode()), "label": label, "split": split, "name": name, "width": 64, "height": 64}


many = st.lists(st.sampled_from(["cat", "dog", "owl"]), max_size=80).map(
    lambda labels: [image(number, label) for number, label in enumerate(labels)]
)


@given(many)
def test_about_a_fifth_of_each_class_validates(images: list[Image]) -> None:
    split = split_assign([], images)
    counts = image_counts(split, ["cat", "dog", "owl"])
    for each in counts.values():
        total = each["train"] + each["validation"]
        assert abs(each["validation"] - total / 5) <= 0.5


@given(many, st.randoms())
def test_the_split_does_not_depend_on_the_order(images: list[Image], random: "object") -> None:
    shuffled = list(images)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert split_assign([], images) == split_assign([], shuffled)


@given(many, many)
def test_growing_a_set_moves_no_picture_between_the_splits(first: list[Image], more: list[Image]) -> None:
    base = split_assign([], first)
    added = [{**each, "sha256": each["sha256"][::-1]} for each in more]
    grown = base + split_assign(base, added)  # type: ignore[arg-type]
    assert grown[: len(base)] == base
    assert {each["split"] for each in grown} <= {"train", "validation"}


def test_the_manifests_hash_is_that_of_its_bytes() -> None:
    data, digest = manifest_encode({"version": 1, "classes": ["é"], "images": [], "shards": []})
    assert data == '{"classes":["é"],"images":[],"shards":[],"version":1}'.encode()
    assert digest == sha256(data)
