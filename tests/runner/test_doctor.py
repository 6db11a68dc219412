"""The doctor names what is wrong and what mends it; a container's health check hears when the runner stands still."""

from __future__ import annotations

import os
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from axons_runner import cli, doctor
from axons_runner.settings import Options
from tests.runner.conftest import Agents
from tests.runner.fake_service import FakeService


def options(folder: Path, service: str = "http://127.0.0.1:9", token: str = "pool-token") -> Options:
    return Options(service, token, "doctor-test", folder)


def test_a_service_that_takes_the_token_is_well_and_hands_out_nothing(service: FakeService, tmp_path: Path) -> None:
    service.waiting.append({"kind": "training"})
    finding = doctor.service(options(tmp_path, service.url))
    assert finding.fix == ""
    assert "takes the pool's token" in finding.found
    assert len(service.waiting) == 1


def test_a_refused_token_and_a_service_that_is_away_name_their_mends(service: FakeService, tmp_path: Path) -> None:
    refused = doctor.service(options(tmp_path, service.url, token="old"))
    assert "refuses the pool's token" in refused.found
    assert "new token" in refused.fix
    away = doctor.service(options(tmp_path))
    assert "does not answer" in away.found
    assert "--service" in away.fix


def test_scratch_space_must_be_writable_and_large_enough(tmp_path: Path) -> None:
    assert doctor.scratch_space(tmp_path / "new", needed=1).fix == ""
    full = doctor.scratch_space(tmp_path, needed=1 << 62)
    assert "fewer than" in full.found
    assert full.fix
    (tmp_path / "file").write_text("")
    blocked = doctor.scratch_space(tmp_path / "file")
    assert "cannot be written to" in blocked.found
    assert "--cache-dir" in blocked.fix


def test_the_object_store_is_looked_at_where_it_is_named(service: FakeService) -> None:
    assert doctor.store(None).fix == ""
    assert doctor.store(service.url).fix == ""
    away = doctor.store("http://127.0.0.1:9")
    assert "cannot be reached" in away.found
    assert "S3" in away.fix


def test_a_gpu_without_its_driver_is_told_from_no_gpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import pynvml

    def broken() -> None:
        raise pynvml.NVMLError(pynvml.NVML_ERROR_DRIVER_NOT_LOADED)

    monkeypatch.setattr(pynvml, "nvmlInit", broken)
    monkeypatch.delenv("NVIDIA_VISIBLE_DEVICES", raising=False)
    assert doctor.nvml(tmp_path / "nvidia0").fix == ""
    (tmp_path / "nvidia0").touch()
    assert "--gpus" in doctor.nvml(tmp_path / "nvidia0").fix


def test_what_the_selftest_says_is_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    for code, fix in ((0, False), (1, True)):
        answer = SimpleNamespace(returncode=code, stdout="fine\n", stderr="torch 2 was built without sm_70.\n")
        monkeypatch.setattr(doctor.subprocess, "run", lambda *_, answer=answer, **__: answer)
        finding = doctor.computing()
        assert bool(finding.fix) is fix
        assert finding.found == ("torch 2 was built without sm_70." if fix else "fine")


def test_its_exit_code_says_whether_all_is_well(
    service: FakeService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(doctor, "FREE_BYTES", 1)
    monkeypatch.setattr(doctor, "computing", lambda: doctor.Finding("computing", "fine"))
    monkeypatch.setenv("AXONS_POOL_TOKEN", "pool-token")
    wanted = ["--service", service.url, "--cache-dir", str(tmp_path)]
    assert cli.main(["doctor", *wanted, "--store", service.url]) == 0
    assert "All is well." in capsys.readouterr().out
    assert cli.main(["doctor", *wanted, "--store", "http://127.0.0.1:9"]) == 1
    said = capsys.readouterr().out
    assert "FAIL  object store" in said
    assert "1 of these" in said


def test_a_runner_is_healthy_while_it_turns(
    agents: Agents, tmp_path: Path, cache_dir: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    agents.get("inference")
    monkeypatch.setenv("AXONS_POOL_TOKEN", "pool-token")
    wanted = ["healthy", "--service", "http://127.0.0.1:9", "--cache-dir", str(cache_dir), "--name"]
    assert cli.main([*wanted, "test"]) == 0
    assert cli.main([*wanted, "another"]) == 1
    assert "has started" in capsys.readouterr().err
    agents.kill()
    old = time.time() - 2 * doctor.ALIVE_SECONDS
    os.utime(doctor.alive_file(Options("", "", "test", cache_dir)), (old, old))
    assert cli.main([*wanted, "test"]) == 1
    assert "restart it" in capsys.readouterr().err
