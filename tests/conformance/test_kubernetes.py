"""The Job that a cluster is given: valid to the letter, hardened, bounded."""

import copy

import kubernetes_validate
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from axons_service.compute.models import Pool
from axons_service.compute.providers.base import NoCapacity, ProviderError, Rejected, Status
from axons_service.compute.providers.kubernetes_manifest import QUEUE_LABEL, Manifest, runner_job
from tests.conformance.benches import KubernetesBench

VERSIONS = ["1.29", "1.37"]
REQUIRED = {
    "image": "r.example.org/axons@sha256:" + "0" * 64,
    "service_url": "https://a.example.org",
    "token_secret": "t",
}
TOLERATION = {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}


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
@settings(max_examples=30, deadline=None)
def test_every_name_that_a_pool_gives_makes_a_valid_job(name: str) -> None:
    pool = Pool(name=name[:-9], title="x", provider="kubernetes", options=REQUIRED)
    manifest = runner_job(pool, name, "axons")
    kubernetes_validate.validate(manifest, "1.37", strict=True)
    assert len(manifest["metadata"]["name"]) <= 63


def test_a_job_of_somebody_else_is_neither_adopted_nor_listed(kubernetes: KubernetesBench) -> None:
    provider = kubernetes.provider()
    provider.start("gpu-00000001")
    kubernetes.cluster.patch("axons-gpu-00000001", {"metadata": {"labels": {"axons.openedx.org/pool": "other"}}})
    with pytest.raises(Rejected, match="not of the pool"):
        provider.start("gpu-00000001")
    assert provider.machines() == []


def test_a_job_made_anew_under_an_old_name_is_not_ours(kubernetes: KubernetesBench) -> None:
    provider = kubernetes.provider()
    handle = provider.start("gpu-00000001")
    provider.stop(handle)
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
