"""The Job that a cluster is given: valid to the letter, hardened, bounded."""

import copy
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
from django.test import Client
from django.utils import timezone
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from axons_service.compute import fleet
from axons_service.compute.models import MachineUse, Pool, Runner
from axons_service.compute.providers.base import NoCapacity, ProviderError, Rejected, Status
from axons_service.compute.providers.kubernetes_manifest import POOL_LABEL, QUEUE_LABEL, Manifest, runner_job
from axons_service.compute.services import pool_scale, runner_seen, runner_stop
from axons_service.compute.tasks import scale_pool
from tests.conformance.benches import KubernetesBench

VERSIONS = ["1.29", "1.37"]
REQUIRED = {
    "image": "r.example.org/axons@sha256:" + "0" * 64,
    "service_url": "https://a.example.org",
    "token_secret": "t",
}
TOLERATION = {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}


@pytest.fixture(autouse=True)
def deployment(settings: Any) -> None:
    settings.AXONS_DEPLOYMENT = "ours"


def job(**options: object) -> Manifest:
    pool = Pool(name="v100s", title="V100S", provider="kubernetes", options=REQUIRED | options)
    return runner_job(pool, "v100s-0123abcd", "axons")


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"gpus": 0, "cpu": "2", "memory": "4Gi"},
        {"node_selector": {"gpu": "v100s"}, "tolerations": [TOLERATION], "queue_name": "lab"},
        {"priority_class": "course", "image_pull_secret": "registry", "gpu_resource": "amd.com/gpu", "scratch": "50Gi"},
    ],
)
def test_the_manifest_is_valid_to_the_letter(options: dict[str, object], version: str) -> None:
    kubernetes_validate.validate(job(**options), version, strict=True)


def test_the_validator_can_fail() -> None:
    wrong = copy.deepcopy(job())
    wrong["spec"]["template"]["spec"]["containers"][0]["securitycontext"] = {}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, "1.37", strict=True)


def test_the_runner_may_do_nothing_but_run() -> None:
    pod = job()["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert container["securityContext"]["allowPrivilegeEscalation"] is False
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert container["resources"]["limits"]["nvidia.com/gpu"] == "1"
    assert {"cpu", "memory", "ephemeral-storage"} <= set(container["resources"]["limits"])
    assert all("sizeLimit" in volume["emptyDir"] for volume in pod["volumes"] if "emptyDir" in volume)


def test_no_secret_stands_in_the_manifest() -> None:
    (container,) = job()["spec"]["template"]["spec"]["containers"]
    assert {"name": "AXONS_POOL_TOKEN_FILE", "value": "/run/secrets/axons/token"} in container["env"]
    assert "AXONS_POOL_TOKEN" not in {variable["name"] for variable in container["env"]}


def test_a_job_is_tried_once_and_never_twice_at_a_time() -> None:
    spec = job()["spec"]
    assert (spec["backoffLimit"], spec["completions"], spec["parallelism"]) == (0, 1, 1)
    assert spec["podReplacementPolicy"] == "Failed"
    assert spec["activeDeadlineSeconds"] > 0
    assert spec["ttlSecondsAfterFinished"] > 0


def test_kueue_gets_its_label_and_a_suspended_job() -> None:
    assert job()["spec"]["suspend"] is False
    queued = job(queue_name="lab")
    assert queued["spec"]["suspend"] is True
    assert queued["metadata"]["labels"][QUEUE_LABEL] == "lab"


@given(name=st.from_regex(r"[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?-[0-9a-f]{8}", fullmatch=True))
@hypothesis_settings(max_examples=30, deadline=None)
def test_every_name_that_a_pool_gives_makes_a_valid_job(name: str) -> None:
    pool = Pool(name=name[:-9], title="x", provider="kubernetes", options=REQUIRED)
    manifest = runner_job(pool, name, "axons")
    kubernetes_validate.validate(manifest, "1.37", strict=True)
    assert len(manifest["metadata"]["name"]) <= 63


def test_a_job_of_somebody_else_is_neither_adopted_nor_listed(kubernetes: KubernetesBench) -> None:
    provider = kubernetes.provider()
    provider.start("gpu-00000001")
    kubernetes.cluster.patch("axons-gpu-00000001", {"metadata": {"labels": {POOL_LABEL: "other"}}})
    with pytest.raises(Rejected, match="not of the pool"):
        provider.start("gpu-00000001")
    assert provider.machines() == []


def test_a_job_made_anew_under_an_old_name_is_not_ours(kubernetes: KubernetesBench) -> None:
    provider = kubernetes.provider()
    handle = provider.start("gpu-00000001")
    provider.stop(handle)
    kubernetes.settle()
    again = provider.start("gpu-00000001")
    assert provider.poll(handle) is Status.GONE
    assert provider.poll(again) is not Status.GONE


@pytest.mark.parametrize(
    ("status", "message", "expected"),
    [
        (403, 'jobs.batch "x" is forbidden: exceeded quota: gpus', NoCapacity),
        (403, 'jobs.batch is forbidden: User "x" cannot create resource', Rejected),
        (422, "Job is invalid: spec.template: Required value", Rejected),
        (429, "too many requests", ProviderError),
        (500, "etcdserver: request timed out", ProviderError),
    ],
)
def test_what_the_cluster_refuses_is_told_apart(
    kubernetes: KubernetesBench, status: int, message: str, expected: type[ProviderError]
) -> None:
    kubernetes.cluster.refuse_creation(status, message)
    with pytest.raises(ProviderError) as raised:
        kubernetes.provider().start("gpu-00000001")
    assert type(raised.value) is expected
    assert message in str(raised.value)


@pytest.mark.parametrize(
    ("kubeconfig", "reason"),
    [
        ("{}", "clusters"),
        ("]not yaml", "parsing"),
        ('{"clusters": [], "contexts": [], "current-context": "lost"}', "Context 'lost' not found"),
        ('{"clusters": [], "contexts": []}', "No current context"),
        (None, "service account"),
    ],
)
def test_a_kubeconfig_that_cannot_be_used_is_a_sentence(
    kubernetes: KubernetesBench, kubeconfig: str | None, reason: str
) -> None:
    if kubeconfig is None:
        del kubernetes.options["kubeconfig"]
    else:
        Path(kubernetes.options["kubeconfig"]).write_text(kubeconfig)
    with pytest.raises(Rejected, match=reason) as raised:
        kubernetes.provider().machines()
    assert "The pool gpu reaches its cluster by" in str(raised.value)
    assert "pool_register" in str(raised.value)


def test_credentials_that_cannot_be_made_are_a_sentence(kubernetes: KubernetesBench) -> None:
    """A program makes them, with each call."""
    config = json.loads(kubernetes.cluster.kubeconfig())
    program = {"apiVersion": "client.authentication.k8s.io/v1beta1", "command": "false"}
    config["users"] = [{"name": "test", "user": {"exec": program}}]
    Path(kubernetes.options["kubeconfig"]).write_text(json.dumps(config))
    with pytest.raises(Rejected, match="Exec false returned 1"):
        kubernetes.provider().machines()


@pytest.fixture
def pool(kubernetes: KubernetesBench, db: None) -> Pool:
    """One warm machine wanted."""
    pool = kubernetes.pool()
    pool.min_runners = pool.max_runners = 1
    pool.save()
    return pool


def alive(pool: Pool) -> Runner:
    return pool.runners.get(state__in=["starting", "active"])


def later(pool: Pool, **ago: float) -> None:
    """So much time has passed for every runner."""
    since = timezone.now() - timedelta(**ago)
    pool.runners.filter(alive_at__isnull=False).update(alive_at=since)
    pool.runners.update(created_at=since)


def test_work_is_given_back_when_the_pod_is_gone_and_the_bill_ends_then(
    kubernetes: KubernetesBench, pool: Pool
) -> None:
    pool_scale(pool_id=pool.pk)
    runner = alive(pool)
    kubernetes.run(runner.handle)
    pool_scale(pool_id=pool.pk)
    Pool.objects.update(min_runners=0)
    assert runner_stop(runner_id=runner.pk)
    pool_scale(pool_id=pool.pk)
    assert pool.runners.get().state == "stopping"  # it saves
    assert MachineUse.objects.get().billed_until is None
    kubernetes.settle()
    pool_scale(pool_id=pool.pk)
    assert pool.runners.get().state == "gone"
    assert MachineUse.objects.get().billed_until is not None


def test_a_machine_that_works_is_not_given_back_because_its_node_is_not_ready(
    kubernetes: KubernetesBench, pool: Pool
) -> None:
    pool_scale(pool_id=pool.pk)
    runner = alive(pool)
    kubernetes.run(runner.handle)
    pool_scale(pool_id=pool.pk)
    runner_seen(pool=pool, name=runner.name, version="1", device="gpu")
    kubernetes.cluster.node_lost(runner.handle["name"])
    later(pool, seconds=pool.start_timeout_seconds + 1)
    for _ in range(2):
        pool_scale(pool_id=pool.pk)
    assert alive(pool).pk == runner.pk
    assert kubernetes.machines() == 1
    pool.refresh_from_db()
    assert pool.provider_error == ""


def test_a_machine_that_took_long_to_start_has_time_to_claim(kubernetes: KubernetesBench, pool: Pool) -> None:
    pool_scale(pool_id=pool.pk)
    runner = alive(pool)
    later(pool, seconds=pool.start_timeout_seconds - 1)
    kubernetes.run(runner.handle)
    for _ in range(2):
        pool_scale(pool_id=pool.pk)
    assert alive(pool).pk == runner.pk
    later(pool, seconds=fleet.STALLED_AFTER.total_seconds() + 1)
    pool_scale(pool_id=pool.pk)
    assert alive(pool).pk != runner.pk


def test_a_job_that_kueue_lets_go_again_is_paid_from_its_first_start(kubernetes: KubernetesBench, pool: Pool) -> None:
    pool_scale(pool_id=pool.pk)
    handle = alive(pool).handle
    kubernetes.run(handle)
    pool_scale(pool_id=pool.pk)
    first = MachineUse.objects.get().billed_from
    assert first is not None
    kubernetes.cluster.requeue(handle["name"], first + timedelta(hours=1))
    pool_scale(pool_id=pool.pk)
    assert MachineUse.objects.get().billed_from == first
    kubernetes.die(handle)
    pool_scale(pool_id=pool.pk)
    use = MachineUse.objects.filter(is_closed=True).get()
    assert use.billed_from == first


def test_a_kubeconfig_that_cannot_be_used_is_told_on_the_operators_page(
    kubernetes: KubernetesBench, pool: Pool, admin_client: Client
) -> None:
    Path(kubernetes.options["kubeconfig"]).write_text("{}")
    scale_pool(pool.pk)
    page = admin_client.get("/admin/operations/").content.decode()
    assert "The pool gpu reaches its cluster by the kubeconfig" in page
