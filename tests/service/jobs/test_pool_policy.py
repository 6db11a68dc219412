"""What the policy means for jobs: caps of sites, a pool's budget, and the next pool when one has no machine."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from io import StringIO

import pytest
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from django.utils import timezone

from axons_service.compute.accounting import site_limits_set
from axons_service.compute.decisions import decision_keep
from axons_service.compute.models import MachineUse, Pool, Runner, SiteLimits
from axons_service.compute.selectors import pool_load
from axons_service.compute.tasks import scale_pool
from axons_service.exercises.models import Spec
from axons_service.exercises.selectors import spec_missing
from axons_service.exercises.specs import spec_check, spec_hash
from axons_service.jobs.models import Job
from axons_service.jobs.queue import places
from axons_service.jobs.services import job_claim, runner_lost
from axons_service.jobs.services.reroute import jobs_reroute
from tests.service import builders
from tests.service.builders import Caller
from tests.service.jobs.conftest import World

pytestmark = pytest.mark.django_db


def machine(pool: Pool, minutes: float, price: str = "6") -> MachineUse:
    """A machine that has been billed for so long and still is."""
    return MachineUse.objects.create(
        pool=pool,
        runner_name="m",
        handle={"id": minutes},
        handle_sha256=str(minutes),
        price_per_hour=Decimal(price),
        currency="EUR",
        billed_from=timezone.now() - timedelta(minutes=minutes),
    )


def tick(pool: Pool) -> Pool:
    decision_keep(pool=Pool.objects.get(pk=pool.pk), load=pool_load(Pool.objects.get(pk=pool.pk)))
    return Pool.objects.get(pk=pool.pk)


def claim(world: World, *slots: str) -> Job | None:
    runner = Runner.objects.select_related("pool").get(pk=world.runner.pk)
    found = job_claim(runner=runner, slots=list(slots or ("training",)), architectures=[])
    return found.job if found is not None else None


@pytest.fixture
def early(monkeypatch: pytest.MonkeyPatch) -> None:
    """Noon: a test that runs just after midnight sees the machines of today all the same."""
    noon = timezone.now().replace(hour=12, minute=0, second=0, microsecond=0)
    monkeypatch.setattr(timezone, "now", lambda: noon)


@pytest.mark.usefixtures("early")
def test_a_pool_whose_budget_is_used_up_begins_no_training_and_finishes_what_runs(world: World) -> None:
    Pool.objects.update(budget_per_day=Decimal("1.00"))
    machine(world.pool, 9)
    running, waiting = world.training(), world.training()
    assert tick(world.pool).budget_spent_on is None
    assert claim(world) == running
    machine(world.pool, 2)
    pool = tick(world.pool)
    assert pool.budget_spent_on == timezone.now().date()
    assert "budget of the day is used up" in pool.scaling_reason
    assert claim(world) is None
    reason = places([waiting])[waiting.pk].reason
    assert reason is not None
    assert reason.code == "pool_budget"
    assert Job.objects.get(pk=running.pk).state == "preparing"
    evaluation = world.evaluation()
    assert claim(world) == evaluation
    Pool.objects.update(budget_per_day=Decimal("50"))
    tick(world.pool)
    assert claim(world) == waiting


@pytest.mark.usefixtures("early")
def test_what_began_goes_on_although_the_budget_is_used_up(world: World) -> None:
    job = world.training()
    assert claim(world) == job
    Pool.objects.update(budget_per_day=Decimal("1.00"))
    machine(world.pool, 60)
    tick(world.pool)
    runner_lost(runner=world.runner)
    Job.objects.filter(pk=job.pk).update(not_before=None)
    from axons_service.jobs.services import job_dispatch

    job_dispatch(job_id=job.pk)
    assert claim(world) == job


def test_the_budget_of_yesterday_is_not_that_of_today(world: World) -> None:
    Pool.objects.update(budget_spent_on=(timezone.now() - timedelta(days=1)).date())
    job = world.training()
    assert claim(world) == job


def test_a_site_runs_no_more_than_its_limit_and_no_machine_is_wanted_for_the_rest(world: World) -> None:
    site_limits_set(site=world.lms.site, max_running=1)
    running, waiting = world.training(), world.training()
    assert pool_load(world.pool).waiting_training == 1
    assert claim(world) == running
    assert claim(world) is None
    assert pool_load(world.pool).waiting_training == 0
    site_limits_set(site=world.lms.site, max_running=2)
    assert pool_load(world.pool).waiting_training == 1
    assert claim(world) == waiting


def test_the_limit_of_one_site_is_not_anothers(world: World) -> None:
    site_limits_set(site=world.lms.site, max_running=1)
    world.training()
    claim(world)
    elsewhere = builders.project(Caller(builders.lms("elsewhere")))
    other = world.training(project=elsewhere)
    assert claim(world) == other


def test_the_command_sets_and_shows_a_sites_limit(world: World) -> None:
    def run(*arguments: str) -> str:
        out = StringIO()
        call_command("site_limits", "--site", world.lms.site.slug, *arguments, stdout=out)
        return out.getvalue()

    assert "any number of trainings" in run()
    assert "3 trainings at once" in run("--max-running", "3")
    assert SiteLimits.objects.get().max_running == 3
    assert "any number" in run("--max-running", "none")
    with pytest.raises(CommandError):
        run("--max-running", "0")
    with pytest.raises(CommandError, match="site_register"):
        call_command("site_limits", "--site", "nowhere")


def test_a_window_that_makes_no_sense_is_not_saved_by_the_admin(world: World) -> None:
    world.pool.warm_windows = [{"from": "8"}]
    with pytest.raises(ValidationError, match="Window 1 needs"):
        world.pool.full_clean()


@pytest.fixture
def listed(world: World) -> Callable[..., Pool]:
    """Makes a second pool and an author who lists it."""

    def make(*names: str) -> Pool:
        other = builders.pool("gpu")
        body = builders.spec(fallback_pools=list(names or ("gpu",)))
        spec = Spec.objects.create(site=world.lms.site, hash=spec_hash(body), body=body)
        type(world.project).objects.update(spec=spec)
        world.project.refresh_from_db()
        return other

    return make


def block(pool: Pool, seconds: float = 60) -> None:
    Pool.objects.filter(pk=pool.pk).update(blocked_until=timezone.now() + timedelta(seconds=seconds))
    pool.refresh_from_db()


def test_without_capacity_a_waiting_job_goes_to_the_next_pool_of_the_list(
    world: World, listed: Callable[..., Pool]
) -> None:
    other = listed()
    Runner.objects.update(state="gone")
    job, queued = world.training(), world.training(dispatch=False)
    block(world.pool)
    scale_pool(world.pool.pk)
    assert set(Job.objects.filter(pool=other).values_list("pk", flat=True)) == {job.pk, queued.pk}
    there = Runner.objects.create(pool=other, name="there", state="active")
    found = job_claim(runner=there, slots=["training"], architectures=[])
    assert found is not None
    assert found.job == job


@pytest.mark.parametrize("author_has_a_list", [True, False])
def test_where_the_author_names_no_pool_the_operators_list_is_taken(
    world: World, listed: Callable[..., Pool], author_has_a_list: bool
) -> None:
    if author_has_a_list:
        listed("gpu")
    else:
        builders.pool("gpu")
    builders.pool("other")
    Pool.objects.filter(pk=world.pool.pk).update(options={"fallback_pools": ["other"]})
    Runner.objects.update(state="gone")
    job = world.training()
    block(world.pool)
    assert jobs_reroute(pool=world.pool) == 1
    job.refresh_from_db()
    assert job.pool.name == ("gpu" if author_has_a_list else "other")


def test_a_job_whose_machine_was_taken_away_goes_on_elsewhere(world: World, listed: Callable[..., Pool]) -> None:
    other = listed()
    job = world.training()
    claim(world)
    Runner.objects.update(state="gone")
    runner_lost(runner=world.runner)
    block(world.pool)
    assert jobs_reroute(pool=world.pool) == 1
    job.refresh_from_db()
    assert (job.pool, job.attempt, job.state) == (other, 1, "queued")


def test_a_job_that_runs_stays(world: World, listed: Callable[..., Pool]) -> None:
    listed()
    job = world.training()
    claim(world)
    Runner.objects.update(state="gone")
    block(world.pool)
    assert jobs_reroute(pool=world.pool) == 0
    job.refresh_from_db()
    assert job.pool == world.pool


@pytest.mark.parametrize("why", ["not blocked", "over", "a runner is free", "the next is blocked too", "closed"])
def test_nobody_is_moved_without_need_or_to_nowhere(world: World, listed: Callable[..., Pool], why: str) -> None:
    other = listed()
    Runner.objects.update(state="active" if why == "a runner is free" else "gone")
    world.training()
    if why != "not blocked":
        block(world.pool, -1 if why == "over" else 60)
    if why == "the next is blocked too":
        block(other)
    if why == "closed":
        Pool.objects.filter(pk=other.pk).update(is_active=False)
    assert jobs_reroute(pool=world.pool) == 0


def test_people_are_told_that_they_wait_for_a_gpu_and_until_when(world: World) -> None:
    now = timezone.now()
    Pool.objects.update(provider="ovh")
    Runner.objects.update(state="gone", ready_at=now)
    Runner.objects.update(created_at=now - timedelta(seconds=40))
    job = world.training(dispatch=False)
    Pool.objects.update(blocked_until=now + timedelta(seconds=60))
    place = places([Job.objects.get(pk=job.pk)])[job.pk]
    assert place.reason is not None
    assert place.reason.code == "no_machine"
    assert "Waiting for a GPU" in place.reason.message
    assert place.eta_seconds == pytest.approx(100, abs=5)


@pytest.mark.parametrize("value", ["gpu", [""], [1], ["cpu"], ["gpu", "gpu"], list("abcdef"), {"a": 1}])
def test_a_list_that_makes_no_sense_is_refused(value: object) -> None:
    (error,) = spec_check(builders.spec(fallback_pools=value))
    assert error["field"] == "fallback_pools"


def test_a_pool_of_the_list_must_be_there(world: World) -> None:
    body = builders.spec(fallback_pools=["gpu"])
    assert spec_check(body) == []
    errors = [each for each in spec_missing(world.lms.site, body) if each["field"] == "fallback_pools"]
    assert errors == [{"field": "fallback_pools", "message": "There is no pool named gpu."}]
    builders.pool("gpu")
    assert not [each for each in spec_missing(world.lms.site, body) if each["field"] == "fallback_pools"]
