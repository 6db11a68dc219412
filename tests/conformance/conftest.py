"""The benches of the conformance suite, one a test."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.benches import BENCHES, Bench, KubernetesBench, OvhBench


def _bench(name: str, folder: Path, settings: Any) -> Iterator[Bench]:
    settings.AXONS_DATA_DIR = str(folder)
    settings.AXONS_DEPLOYMENT = "ours"
    bench = BENCHES[name](folder)
    try:
        yield bench
    finally:
        bench.close()


@pytest.fixture(params=sorted(BENCHES))
def bench(request: pytest.FixtureRequest, tmp_path: Path, settings: Any) -> Iterator[Bench]:
    """Every provider in turn."""
    yield from _bench(request.param, tmp_path, settings)


@pytest.fixture(params=sorted(set(BENCHES) - {"static"}))
def starter(request: pytest.FixtureRequest, tmp_path: Path, settings: Any) -> Iterator[Bench]:
    """Every provider that starts machines."""
    yield from _bench(request.param, tmp_path, settings)


@pytest.fixture(params=["kubernetes", "ovh"])
def remote(request: pytest.FixtureRequest, tmp_path: Path, settings: Any) -> Iterator[Bench]:
    """Every provider that is asked over a network."""
    yield from _bench(request.param, tmp_path, settings)


@pytest.fixture
def ovh(tmp_path: Path, settings: Any) -> Iterator[OvhBench]:
    for bench in _bench("ovh", tmp_path, settings):
        assert isinstance(bench, OvhBench)
        yield bench


@pytest.fixture
def kubernetes(tmp_path: Path, settings: Any) -> Iterator[KubernetesBench]:
    for bench in _bench("kubernetes", tmp_path, settings):
        assert isinstance(bench, KubernetesBench)
        yield bench
