"""Look-alikes and splits: what is grouped, what is not, and that finding them by bands misses nothing."""

import io
import itertools
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageEnhance

from axons_service.training_sets.manifests import Image as Listed
from axons_service.training_sets.manifests import content_sha256, image_counts, split_again
from axons_service.training_sets.near import MAX_DISTANCE, NearIndex, distance, near_groups
from axons_service.training_sets.picture_worker import dhash, is_bare_jpeg
from tests.service.builders import sha256
from tests.service.training_sets import pictures_made as made

hashes = st.integers(0, 2**128 - 1).map(lambda value: f"{value:032x}")


@given(hashes, st.sets(st.integers(0, 127), max_size=16))
def test_the_index_finds_exactly_what_is_close(first: str, flipped: set[int]) -> None:
    second = f"{int(first, 16) ^ sum(1 << bit for bit in flipped):032x}"
    index = NearIndex()
    index.add("first", first)
    found = index.matches(second)
    assert distance(first, second) == len(flipped)
    assert found == ([("first", len(flipped))] if len(flipped) <= MAX_DISTANCE else [])


def test_groups_do_not_depend_on_the_order_and_chains_are_one() -> None:
    base = int("5" * 32, 16)
    chain = [("a", base), ("b", base ^ 0x3FF), ("c", base ^ 0xFFFFF), ("far", base ^ (2**60 - 1))]
    named = [(name, f"{value:032x}") for name, value in chain]
    for order in itertools.permutations(named):
        assert near_groups(order) == [["a", "b", "c"]]


def test_thousands_of_equal_hashes_are_one_group_in_no_time() -> None:
    """The same picture of a fixed camera, compressed a little otherwise each time."""
    base = int("5" * 32, 16)
    named = [(f"{n:05}", f"{base ^ (1 << 40 * (n % 3)) if n % 3 else base:032x}") for n in range(20_000)]
    ticks: list[None] = []
    started = time.process_time()
    assert near_groups(named, lambda: ticks.append(None)) == [[name for name, _ in named]]
    assert time.process_time() - started < 10  # all pairs: minutes
    assert len(ticks) == 20_000


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 30)), max_size=25))
def test_groups_are_those_of_comparing_all_pairs(places: list[tuple[int, int]]) -> None:
    named = [
        (f"{n:02}", f"{(family << 100) * 0xFFF + ((1 << bits) - 1):032x}") for n, (family, bits) in enumerate(places)
    ]
    groups = [{name} for name, _ in named]
    for (one, first), (other, second) in itertools.combinations(named, 2):
        if distance(first, second) <= MAX_DISTANCE:
            mine = next(group for group in groups if one in group)
            theirs = next(group for group in groups if other in group)
            if mine is not theirs:
                groups.remove(theirs)
                mine |= theirs
    assert near_groups(named) == sorted(sorted(group) for group in groups if len(group) > 1)


@pytest.mark.parametrize("change", ["smaller", "recompressed", "brighter", "grey"])
def test_the_same_photo_in_another_guise_is_near(change: str) -> None:
    photo = made.photo(7, (320, 240))
    changed = {
        "smaller": photo.resize((160, 120)),
        "recompressed": Image.open(io.BytesIO(made.encoded(photo, quality=40))),
        "brighter": ImageEnhance.Brightness(photo).enhance(1.15),
        "grey": photo.convert("L"),
    }[change]
    assert distance(dhash(photo), dhash(changed)) <= MAX_DISTANCE


def test_other_photos_and_flat_ones_are_not_near() -> None:
    found = [dhash(made.photo(seed, (320, 240))) for seed in range(60)]
    assert near_groups((str(n), each) for n, each in enumerate(found)) == []
    flat = [dhash(Image.new("RGB", (64, 64), colour)) for colour in ("white", "black", "grey")]
    assert flat == ["", "", ""]
    assert near_groups((str(n), each) for n, each in enumerate(flat)) == []


def test_only_a_jpeg_without_passengers_is_bare() -> None:
    plain = made.jpeg(1)
    assert is_bare_jpeg(plain)
    assert is_bare_jpeg(made.jpeg(1, progressive=True))
    exif = Image.Exif()
    exif[0x010E] = "where I live"
    for loaded in (plain + b"PK\3\4", made.jpeg(1, exif=exif), made.jpeg(1, comment=b"<script>"), plain[:-2], b""):
        assert not is_bare_jpeg(loaded)


def listed(number: int, label: str) -> Listed:
    name = f"{number}.jpg"
    return {"sha256": sha256(name.encode()), "label": label, "split": "train", "name": name, "width": 64, "height": 64}


@given(
    st.lists(st.sampled_from(["cat", "dog"]), min_size=2, max_size=60).filter(lambda labels: len(set(labels)) == 2),
    st.floats(0.05, 0.5),
    st.integers(0, 99),
)
def test_a_new_split_is_stratified_seeded_and_leaves_something_to_train_on(
    labels: list[str], share: float, seed: int
) -> None:
    images = [listed(number, label) for number, label in enumerate(labels)]
    split = split_again(images, [], share=share, seed=seed)
    assert split == split_again(images, [], share=share, seed=seed)
    for counts in image_counts(split, ["cat", "dog"]).values():
        total = counts["train"] + counts["validation"]
        assert counts["train"] >= 1
        assert counts["validation"] == min(max(round(total * share), 1), total - 1)


def test_look_alikes_stay_on_one_side_of_a_new_split() -> None:
    images = [listed(number, "cat") for number in range(40)]
    names = sorted(image["sha256"] for image in images)
    groups = [names[start : start + 4] for start in range(0, 40, 4)]
    for seed in range(20):
        sides = {image["sha256"]: image["split"] for image in split_again(images, groups, share=0.3, seed=seed)}
        assert all(len({sides[sha256] for sha256 in group}) == 1 for group in groups)
        assert set(sides.values()) == {"train", "validation"}


def test_another_seed_splits_otherwise_and_the_content_hash_says_so() -> None:
    images = [listed(number, "cat") for number in range(40)]
    first, second = (split_again(images, [], share=0.2, seed=seed) for seed in (1, 2))
    assert first != second
    assert content_sha256(["cat"], first) != content_sha256(["cat"], second)
    assert content_sha256(["cat"], first) == content_sha256(["cat"], first[::-1])
