"""Pools follow their work: warm, up, down, and what died comes back."""

import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from axons_service.compute import fleet, starts
from axons_service.compute.models import MachineUse, Pool, Runner
from axons_service.compute.providers import provider_of
from axons_service.compute.providers.base import Status
from axons_service.compute.providers.local import LocalProvider
from axons_service.compute.scaling import Load, runners_to_start, runners_to_stop
from axons_service.compute.services import local_runners_stop, pool_scale, runner_seen
from axons_service.compute.tasks import scale_pool, scale_pools
from axons_service.jobs.models import Attempt, Job
from axons_service.jobs.services import job_claim, job_create, job_dispatch
from tests.service import builders
from tests.service.compute.conftest import processes, wait_until

MakePool = Callable[..., Pool]


def alive(pool: Pool) -> list[Runner]:
    return list(pool.runners.filter(state__in=["starting", "active"]).order_by("created_at"))


def seen(pool: Pool) -> None:
    for runner in alive(pool):
        runner_seen(pool=pool, name=runner.name, version="1", device="cpu")


def training(count: int = 1) -> list[Job]:
    """Jobs that wait in the pool `cpu`."""
    owner = builders.project(builders.Caller(builders.lms()))
    training_set = builders.library_set(owner.exercise.site, "starter", "pets")
    type(training_set).objects.update(kind="project", project=owner)
    training_set.refresh_from_db()
    return [
        job_create(
            project=owner,
            kind="training",
            idempotency_key=str(number),
            request_sha256="0" * 64,
            training_set=training_set,
        )[0]
        for number in range(count)
    ]


def test_the_warm_runners_are_kept_warm(make_pool: MakePool, tmp_path: Path) -> None:
    pool = make_pool(least=2, most=3)
    for _ in range(3):
        pool_scale(pool_id=pool.pk)
    assert len(alive(pool)) == len(processes(tmp_path)) == 2


def test_a_killed_runner_is_replaced_and_its_work_goes_on(make_pool: MakePool) -> None:
    pool = make_pool(least=1)
    (job,) = training()
    job_dispatch(job_id=job.pk)
    pool_scale(pool_id=pool.pk)
    (first,) = alive(pool)
    seen(pool)
    assert job_claim(runner=Runner.objects.select_related("pool").get(), slots=["training"], architectures=[])
    os.kill(first.handle["pid"], 9)
    wait_until(lambda: provider_of(pool).poll(first.handle) is Status.GONE)
    pool_scale(pool_id=pool.pk)
    (second,) = alive(pool)
    assert second.name != first.name
    assert provider_of(pool).poll(second.handle) is Status.ALIVE
    assert Attempt.objects.get().outcome == "lost"
    assert Job.objects.get().state == "queued"


def test_waiting_work_starts_runners_up_to_the_limit(make_pool: MakePool, tmp_path: Path) -> None:
    pool = make_pool(most=2)
    for job in training(5):
        job_dispatch(job_id=job.pk)
    assert len(alive(pool)) == len(processes(tmp_path)) == 2


def test_an_idle_runner_is_stopped_after_its_time(make_pool: MakePool, tmp_path: Path) -> None:
    pool = make_pool(most=1)
    (job,) = training()
    job_dispatch(job_id=job.pk)
    seen(pool)
    Job.objects.update(state="succeeded")
    pool_scale(pool_id=pool.pk)
    assert len(alive(pool)) == 1
    Runner.objects.update(busy_at=timezone.now() - timedelta(seconds=pool.idle_seconds + 1))
    pool_scale(pool_id=pool.pk)
    assert Runner.objects.get().state == "stopping"
    wait_until(lambda: processes(tmp_path) == [])
    pool_scale(pool_id=pool.pk)
    assert Runner.objects.get().state == "gone"


def test_a_runner_that_lives_but_never_claims_is_replaced(make_pool: MakePool, tmp_path: Path) -> None:
    pool = make_pool(least=1)
    pool_scale(pool_id=pool.pk)
    (stuck,) = alive(pool)
    pool_scale(pool_id=pool.pk)  # it is seen to run
    assert alive(pool) == [stuck]
    Runner.objects.update(alive_at=timezone.now() - fleet.STALLED_AFTER - timedelta(seconds=1))
    pool_scale(pool_id=pool.pk)
    (fresh,) = alive(pool)
    assert fresh.name != stuck.name
    wait_until(lambda: len(processes(tmp_path)) == 1)


def test_an_interrupted_start_is_finished_without_a_second_process(make_pool: MakePool, tmp_path: Path) -> None:
    """The process was started, then the worker died before it could write down the handle."""
    pool = make_pool(least=1)
    pool_scale(pool_id=pool.pk)
    handle = Runner.objects.get().handle
    Runner.objects.update(handle={})
    pool_scale(pool_id=pool.pk)
    assert Runner.objects.get().handle == handle
    assert len(processes(tmp_path)) == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("asked", ["machines", "start", "stop", "inspect"])
def test_the_provider_is_never_asked_inside_a_transaction(
    make_pool: MakePool, monkeypatch: pytest.MonkeyPatch, asked: str
) -> None:
    """Its answer may take a minute, and the pool's row is what every dispatch waits for."""
    calls: list[bool] = []
    real = getattr(LocalProvider, asked)

    def call(self: LocalProvider, *args: Any, **kwargs: Any) -> Any:
        calls.append(connection.in_atomic_block)
        return real(self, *args, **kwargs)

    monkeypatch.setattr(LocalProvider, asked, call)
    pool = make_pool(least=1)
    pool_scale(pool_id=pool.pk)
    provider_of(pool).start("cpu-0123abcd")  # of no row: to be stopped
    monkeypatch.setattr(fleet, "UNKNOWN_GRACE", timedelta(0))
    pool_scale(pool_id=pool.pk)
    (runner,) = alive(pool)
    seen(pool)
    Pool.objects.update(min_runners=0)
    Runner.objects.update(busy_at=timezone.now() - timedelta(days=1))
    pool_scale(pool_id=pool.pk)
    wait_until(lambda: provider_of(pool).poll(runner.handle) is Status.GONE)
    pool_scale(pool_id=pool.pk)
    assert Runner.objects.get().state == "gone"
    assert calls
    assert not any(calls)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("moment", ["machines", "start"])
def test_two_that_scale_at_once_start_one_machine_and_take_none_for_dead(
    make_pool: MakePool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, moment: str
) -> None:
    """The other one comes while the first waits for the provider's answer."""
    pool = make_pool(least=1)
    real = getattr(LocalProvider, moment)
    inside: list[bool] = []
    started: list[str] = []
    start = LocalProvider.start

    def counted(self: LocalProvider, name: str) -> Any:
        started.append(name)
        return start(self, name)

    def call(self: LocalProvider, *args: Any) -> Any:
        answer = real(self, *args)
        if not inside:
            inside.append(True)
            pool_scale(pool_id=pool.pk)
            seen(pool)
        return answer

    monkeypatch.setattr(LocalProvider, "start", counted)
    if moment == "start":
        real = counted
    monkeypatch.setattr(LocalProvider, moment, call)
    pool_scale(pool_id=pool.pk)
    pool_scale(pool_id=pool.pk)
    (runner,) = Runner.objects.all()
    assert runner.state == "active"
    assert provider_of(pool).poll(runner.handle) is Status.ALIVE
    assert started == [runner.name]
    assert len(processes(tmp_path)) == 1


def test_a_start_whose_worker_died_is_repeated_after_a_while(make_pool: MakePool, tmp_path: Path) -> None:
    pool = make_pool(least=1)
    pool_scale(pool_id=pool.pk)
    handle = Runner.objects.get().handle
    Runner.objects.update(handle={starts.ASKED_AT: timezone.now().isoformat()})
    pool_scale(pool_id=pool.pk)
    assert starts.ASKED_AT in Runner.objects.get().handle  # somebody asks: it is neither repeated nor stopped
    late = timezone.now() - starts.START_PATIENCE - timedelta(seconds=1)
    Runner.objects.update(handle={starts.ASKED_AT: late.isoformat()})
    pool_scale(pool_id=pool.pk)
    assert Runner.objects.get().handle == handle
    assert len(processes(tmp_path)) == 1


def test_a_process_without_a_row_is_stopped(make_pool: MakePool, tmp_path: Path) -> None:
    pool = make_pool()
    provider_of(pool).start("cpu-0123abcd")
    provider_of(pool).start("started-by-hand")
    pool_scale(pool_id=pool.pk)
    assert len(processes(tmp_path)) == 2  # a grace: it may be one that was wrongly taken for gone
    MachineUse.objects.filter(unknown_since__isnull=False).update(unknown_since=timezone.now() - fleet.UNKNOWN_GRACE)
    pool_scale(pool_id=pool.pk)
    wait_until(lambda: [machine.name for machine in provider_of(pool).machines()] == ["started-by-hand"])


def test_runners_that_crash_at_once_are_not_started_forever(make_pool: MakePool) -> None:
    pool = make_pool("--crash", least=1)
    for _ in range(8):
        pool_scale(pool_id=pool.pk)
        wait_until(lambda: all(provider_of(pool).poll(r.handle) is Status.GONE for r in alive(pool)))
    assert pool.runners.count() == fleet.CRASHES


def test_a_program_that_is_missing_is_no_end_of_the_world(make_pool: MakePool) -> None:
    pool = make_pool(least=1)
    Pool.objects.update(options={**pool.options, "program": ["/no/such/program"]})
    scale_pool(pool.pk)
    assert Runner.objects.get().state == "gone"


def test_each_pool_has_a_task_of_its_own(make_pool: MakePool, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that is bad or slow keeps no other waiting; and what was not begun by the next turn is forgotten."""
    pools = [make_pool(name="bad"), make_pool(name="good")]
    sent: list[tuple[Any, Any]] = []
    with monkeypatch.context() as patch:
        patch.setattr(scale_pool, "apply_async", lambda args, expires: sent.append((args, expires)))
        patch.setattr(LocalProvider, "machines", lambda self: pytest.fail("beat's own task asks no provider"))
        scale_pools()
    assert sent == [((pool.pk,), 10) for pool in pools]
    (entry,) = (each for name, each in django_settings.CELERY_BEAT_SCHEDULE.items() if name == "scale-pools")
    assert entry["schedule"] == 10


def test_a_static_runner_that_fell_silent_is_gone_and_comes_back_when_it_claims(make_pool: MakePool) -> None:
    pool = make_pool()
    Pool.objects.update(provider="static")
    pool.refresh_from_db()
    runner = runner_seen(pool=pool, name="hand", version="1", device="cpu")
    pool_scale(pool_id=pool.pk)
    assert Runner.objects.get().state == "active"
    Runner.objects.update(last_seen_at=timezone.now() - fleet.STALLED_AFTER - timedelta(seconds=1))
    pool_scale(pool_id=pool.pk)
    assert Runner.objects.get().state == "gone"
    assert runner_seen(pool=pool, name="hand", version="1", device="cpu").pk == runner.pk
    assert Runner.objects.get().state == "active"


def test_stop_all_leaves_nothing_running(make_pool: MakePool, tmp_path: Path) -> None:
    for pool in (make_pool(least=2), make_pool("--stubborn", name="stubborn", least=1)):
        scale_pool(pool.pk)
    wait_until(lambda: len(processes(tmp_path)) == 3)
    assert local_runners_stop(seconds=1) == 3
    assert processes(tmp_path) == []
    assert not Runner.objects.exclude(state="gone").exists()


def test_the_command_registers_a_pool_once(db: None, tmp_path: Path) -> None:
    token_file = tmp_path / "pool.token"
    command = ["pool_register", "--name", "cpu", "--title", "CPU", "--provider", "local"]
    call_command(*command, "--token-file", str(token_file), "--min-runners", "1")
    first = token_file.read_text()
    assert token_file.stat().st_mode & 0o777 == 0o600
    call_command(*command, "--token-file", str(token_file), "--max-runners", "4")
    pool = Pool.objects.get()
    assert token_file.read_text() == first
    assert (pool.min_runners, pool.max_runners) == (0, 4)
    assert first.strip() not in str(Pool.objects.values().get())
    with pytest.raises(CommandError, match="needs --token-file"):
        call_command(*command)


loads = st.builds(
    lambda waiting, inference, training, count: Load(
        waiting_training=waiting,
        waiting_inference=inference,
        runners=[Runner(pk=n, state="active", created_at=timezone.now() - timedelta(days=1)) for n in range(count)],
        training=frozenset(range(min(training, count))),
        busy=frozenset(range(min(training, count))),
    ),
    st.integers(0, 20),
    st.integers(0, 3),
    st.integers(0, 5),
    st.integers(0, 8),
)
pools = st.builds(
    lambda least, more, active: Pool(name="p", min_runners=least, max_runners=least + more, is_active=active),
    st.integers(0, 3),
    st.integers(0, 5),
    st.booleans(),
)


@given(pool=pools, load=loads)
def test_decisions_stay_within_the_limits(pool: Pool, load: Load) -> None:
    start: Any = runners_to_start(pool, load)
    stop = runners_to_stop(pool, load, timezone.now())
    assert not (start and stop), "a pool never starts and stops at once"
    assert len(load.runners) + start <= max(pool.max_runners, len(load.runners))
    assert not {runner.pk for runner in stop} & load.busy
    if pool.is_active:
        assert len(load.runners) + start - len(stop) >= min(pool.min_runners, len(load.runners) + start)
        if load.waiting_training and pool.max_runners:
            assert len(load.runners) + start >= 1
