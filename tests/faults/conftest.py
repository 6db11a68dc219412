"""Fault tests run against a whole demo: real processes, real kills."""

from collections.abc import Iterator

import pytest

from tests.support.running_demo import RunningDemo, running_demo


@pytest.fixture(scope="module")
def demo() -> Iterator[RunningDemo]:
    """A demo for the tests of one file, gone before the next tests want the cores. Its lease is short."""
    with running_demo(AXONS_LEASE_SECONDS="20") as demo:
        yield demo
