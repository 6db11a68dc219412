"""Ports of the demo: free ones, the same ones again, or a sentence."""

import socket

import pytest

from axons_demo import ports
from axons_demo.errors import DemoError


@pytest.fixture(autouse=True)
def _no_wish(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AXONS_PORT", raising=False)


def free_base() -> int:
    return next(base for base in range(24000, 26000, 10) if not ports.taken(ports.Ports(base)))


def test_a_block_names_every_port_that_the_demo_listens_on_and_none_twice() -> None:
    listed = ports.Ports(20000).all()
    assert len(listed) == len(set(listed)) == 13
    assert {20000, 20001, 20002, 20003, 30003, 30007} <= set(listed)


def test_the_remembered_block_is_taken_again() -> None:
    base = free_base()
    assert ports.choose(base).base == base


def test_a_remembered_block_that_another_program_uses_is_passed_over() -> None:
    base = free_base()
    with socket.socket() as other:
        other.bind(("127.0.0.1", base + 1))
        other.listen()
        assert ports.choose(base).base != base


def test_a_grpc_port_in_use_makes_a_block_unusable() -> None:
    base = free_base()
    with socket.socket() as other:
        other.bind(("127.0.0.1", base + 3 + ports.GRPC_OFFSET))
        other.listen()
        assert ports.taken(ports.Ports(base)) == [base + 3 + ports.GRPC_OFFSET]


def test_axons_port_that_is_taken_names_the_ports(monkeypatch: pytest.MonkeyPatch) -> None:
    base = free_base()
    monkeypatch.setenv("AXONS_PORT", str(base))
    assert ports.choose().base == base
    with socket.socket() as other:
        other.bind(("127.0.0.1", base))
        other.listen()
        with pytest.raises(DemoError, match=rf"AXONS_PORT={base} needs ports that another program uses: {base}\."):
            ports.choose()


@pytest.mark.parametrize("wish", ["80", "lots", "60000"])
def test_an_impossible_axons_port_is_a_sentence(monkeypatch: pytest.MonkeyPatch, wish: str) -> None:
    monkeypatch.setenv("AXONS_PORT", wish)
    with pytest.raises(DemoError, match="AXONS_PORT must be a number between 1024 and"):
        ports.choose()
