"""The stream of events when the service is slow, away or firm."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

import pytest

from axons_runner import events
from axons_runner.client import AttemptClient
from axons_runner.errors import Rejected, Superseded, Unavailable
from axons_runner.events import EventStream


class Service:
    """Answers batches, or raises what it is told to."""

    def __init__(self) -> None:
        self.batches: list[tuple[int, list[Mapping[str, Any]]]] = []
        self.problems: list[Exception] = []

    def events(self, seq: int, batch: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        if self.problems:
            raise self.problems.pop(0)
        self.batches.append((seq, list(batch)))
        return {"cancel": False}


@pytest.fixture
def service() -> Service:
    return Service()


@pytest.fixture
def stream(service: Service) -> Iterator[EventStream]:
    answered: list[Mapping[str, Any]] = []
    made = EventStream(cast(AttemptClient, service), 0.1, answered.append, lambda: None)
    yield made
    made.stop()


def test_numbers_have_no_gap_after_an_outage_and_after_a_refusal(service: Service, stream: EventStream) -> None:
    service.problems = [Unavailable("down"), Rejected("what is this?"), Unavailable("down again")]
    stream.start()
    stream.add("metrics", {"split": "train", "loss": 1.0})
    stream.flush(lambda: False)  # refused: dropped
    for loss in (0.5, 0.25):
        stream.add("metrics", {"split": "train", "loss": loss})
        stream.flush(lambda: False)
    full = [(seq, [e["data"]["loss"] for e in batch]) for seq, batch in service.batches if batch]
    assert full == [(1, [0.5]), (2, [0.25])]


def test_silence_is_a_heartbeat(service: Service, stream: EventStream) -> None:
    stream.start()
    time.sleep(0.5)
    assert len(service.batches) >= 2
    assert all(batch == [] for _, batch in service.batches)


def test_the_buffer_is_bounded_and_validation_is_the_last_to_go(
    stream: EventStream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "LARGEST_BUFFER", 10)
    for number in range(50):
        stream.add("resources", {"cpu_percent": number})
        stream.add("metrics", {"split": "train", "step": number})
        if number % 10 == 0:
            stream.add("metrics", {"split": "validation", "step": number})
    kept = [(e["kind"], e["data"].get("split")) for e in stream.buffer]
    assert len(kept) == 10
    assert kept.count(("metrics", "validation")) == 5


def test_a_superseded_stream_says_so_once_and_falls_silent(service: Service) -> None:
    told = threading.Event()
    stream = EventStream(cast(AttemptClient, service), 0.05, lambda answer: None, told.set)
    service.problems = [Superseded("409")]
    stream.start()
    assert told.wait(2)
    stream.join(2)
    assert not stream.is_alive()
    assert service.batches == []
