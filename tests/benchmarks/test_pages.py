"""What benchmarks write, and what they may say of their pairs."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.benchmarks.pages import section_write, sections
from tests.benchmarks.runner.pairs import Pairs, median_interval
from tests.benchmarks.runner.pictures import Pictures


def test_a_section_is_put_at_the_end_once_and_then_replaced_where_it_is(tmp_path: Path) -> None:
    page = tmp_path / "performance.md"
    page.write_text("# Title\nold\n")
    section_write(page, "bench-runner", "one")
    page.write_text(page.read_text() + "after\n")
    section_write(page, "bench-runner", "two")
    section_write(page, "bench-other", "three")
    text = page.read_text()
    assert "one" not in text
    assert text.startswith("# Title\nold\n\n<!-- bench-runner begin -->\ntwo\n<!-- bench-runner end -->\nafter\n")
    page.write_text("# Another page\n" + sections(page))  # what the service's benchmark does
    assert [line for line in page.read_text().splitlines() if line in ("two", "three", "after")] == ["two", "three"]


def test_the_interval_of_a_median_is_that_of_the_binomial_table() -> None:
    assert median_interval([float(n) for n in range(1, 16)]) == (4.0, 12.0)  # 15 values: ranks 4 and 12
    assert median_interval([float(n) for n in range(1, 26)]) == (8.0, 18.0)  # 25 values: ranks 8 and 18
    assert median_interval([2.0, 1.0]) == (1.0, 2.0)


def test_the_ratio_is_the_median_of_the_pairs() -> None:
    pairs = Pairs([1.0, 20.0, 3.0] * 5, [1.0, 10.0, 4.0] * 5)
    assert pairs.ratio().startswith("1.000 (0.750 to 2.000")


def test_each_is_first_in_every_other_pair() -> None:
    order: list[str] = []
    Pairs.measure(lambda: order.append("ours"), lambda: order.append("theirs"), 2)
    assert order[2:] == ["theirs", "ours", "ours", "theirs"]


def test_the_held_back_photographs_are_in_no_training_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AXONS_BENCH_SET", raising=False)
    pictures = Pictures.read(3, 2)
    images = pictures.pack(without_every=5).manifest["images"]
    train = {image["sha256"] for image in images if image["split"] == "train"}
    held_back = {image["sha256"] for image in images if image["split"] == "validation"}
    assert (len(train), len(held_back)) == (24, 20)
    assert not train & held_back
    assert {image["label"] for image in images if image["split"] == "validation"} == set(pictures.classes)
