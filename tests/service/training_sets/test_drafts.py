"""What a version holds, decided without a database or a store."""

import random
from typing import Any

import pytest

from axons_service.training_sets.drafts import Addition, Draft, SetFailed, draft_make
from axons_service.training_sets.journal import Finding
from axons_service.training_sets.manifests import Manifest, manifest_encode
from tests.service.builders import sha256


def finding(content: str, source: str = "") -> Finding:
    digest = sha256(content.encode())
    return {
        "code": "added",
        "sha256": digest,
        "source": sha256((source or f"file of {content}").encode()),
        "dhash": "",
        "width": 64,
        "height": 64,
        "bytes": 100,
    }


def first(count: int = 12, **more: Any) -> Draft:
    additions = [Addition(f"u{n}", f"{n}.jpg", "cat" if n % 2 else "dog") for n in range(count)]
    found = {f"u{n}": finding(str(n)) for n in range(count)}
    return draft_make(base=None, fixed=[], request={}, additions=additions, findings=found, **more)


def changed(base: Manifest, fixed: list[str] | None = None, **request: Any) -> Draft:
    return draft_make(base=base, fixed=fixed or [], request=request, additions=[], findings={})


def labels(draft: Draft) -> dict[str, str]:
    return {image["sha256"]: image["label"] for image in draft.images}


def test_the_order_in_which_files_were_found_changes_nothing() -> None:
    additions = [Addition(f"u{n}", f"{n}.jpg", "cat" if n % 3 else "dog") for n in range(30)]
    found = {f"u{n}": finding(str(n % 25)) for n in range(30)}
    made = set()
    for seed in range(5):
        shuffled = random.Random(seed).sample(list(found.items()), len(found))
        draft = draft_make(base=None, fixed=[], request={}, additions=additions, findings=dict(shuffled))
        made.add(manifest_encode(draft.manifest([]))[1])
        assert [line["code"] for line in draft.report][25:] == ["duplicate"] * 5
    assert len(made) == 1


def test_relabelling_speaks_of_the_classes_before_a_renaming() -> None:
    base = first().manifest([])
    dog = next(image["sha256"] for image in base["images"] if image["label"] == "dog")
    draft = changed(base, relabels={dog: "cat"}, renames={"cat": "tiger"})
    assert draft.classes == ["dog", "tiger"]
    assert labels(draft)[dog] == "tiger"


def test_two_classes_swap_their_names() -> None:
    base = first().manifest([])
    draft = changed(base, renames={"cat": "dog", "dog": "cat"})
    before = {image["sha256"]: image["label"] for image in base["images"]}
    assert all(label != before[digest] for digest, label in labels(draft).items())


def test_the_same_file_is_a_duplicate_even_when_it_was_encoded_otherwise() -> None:
    base = first().manifest([])
    again = Addition("new", "again.jpg", "cat")
    found = {"new": finding("another encoding", source="file of 3")}
    with pytest.raises(SetFailed) as failed:
        draft_make(base=base, fixed=[], request={}, additions=[again], findings=found)
    assert failed.value.report[0]["reason"] == "again.jpg is the same picture as 3.jpg; it counts once."


def test_what_was_left_out_comes_back_by_being_added_again_and_is_not_packed_twice() -> None:
    base = first().manifest([])
    digest = sha256(b"3")
    without = changed(base, exclusions=[digest]).manifest([])
    assert [image["sha256"] for image in without["excluded"]] == [digest]
    again = Addition("new", "3.jpg", "dog")
    draft = draft_make(base=without, fixed=[], request={}, additions=[again], findings={"new": finding("3")})
    assert labels(draft)[digest] == "dog"
    assert (draft.excluded, draft.fresh) == ([], [])


def test_an_emptied_class_goes_where_it_may_and_stops_where_it_may_not() -> None:
    base = first().manifest([])
    more = draft_make(
        base=base,
        fixed=[],
        request={},
        additions=[Addition("o", "o.jpg", "owl")],
        findings={"o": finding("owl")},
    ).manifest([])
    owl = [sha256(b"owl")]
    assert changed(more, exclusions=owl).classes == ["cat", "dog"]
    with pytest.raises(SetFailed, match="There is no picture of owl to train on"):
        changed(more, fixed=["cat", "dog", "owl"], exclusions=owl)
