"""The manifests are valid, hardened, and agree with each other and with the service."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from axons_service import broker
from tests.deploy.conftest import ROOT
from tests.deploy.kustomize import Manifest, containers, render

FOLDER = ROOT / "deploy/kubernetes"
SHIPPED = {
    "base": render(FOLDER / "base"),
    "example": render(FOLDER / "overlays/example"),
    "prometheus-adapter": render(FOLDER / "components/prometheus-adapter"),
}
EVERY = [
    (name, each)
    for name, found in SHIPPED.items()
    for each in found
    if not each["apiVersion"].startswith("keda.sh/")  # test_the_prepare_workers_follow_their_queue reads KEDA's
]
IDS = [f"{name}-{each['kind']}-{each['metadata']['name']}" for name, each in EVERY]
SECRETS = {
    "AXONS_SECRET_KEY": "s" * 40,
    "AXONS_DATABASE_URL": "postgres://axons:x@db/axons",
    "AXONS_BROKER_URL": "amqp://axons:x@mq//",
    "AXONS_S3_ACCESS_KEY": "axons",
    "AXONS_S3_SECRET_KEY": "secret",
    "AXONS_METRICS_TOKEN": "m" * 40,
}


def of_kind(kind: str, name: str = "example") -> dict[str, Manifest]:
    return {each["metadata"]["name"]: each for each in SHIPPED[name] if each["kind"] == kind}


def workloads(name: str = "example") -> dict[str, Manifest]:
    return of_kind("Deployment", name) | of_kind("Job", name)


def pod(workload: Manifest) -> Manifest:
    found: Manifest = workload["spec"]["template"]["spec"]
    return found


@pytest.mark.parametrize("version", ["1.30", "1.37"])
@pytest.mark.parametrize(("where", "manifest"), EVERY, ids=IDS)
def test_every_manifest_is_what_kubernetes_takes(where: str, manifest: Manifest, version: str) -> None:
    kubernetes_validate.validate(manifest, version, strict=True)


def test_a_misspelt_field_would_be_noticed() -> None:
    wrong = of_kind("Deployment")["axons-web"] | {"specs": {}}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, "1.37", strict=True)


@pytest.mark.parametrize("name", sorted(workloads()))
def test_every_pod_is_hardened(name: str) -> None:
    found = pod(workloads()[name])
    assert found["automountServiceAccountToken"] is False
    assert "serviceAccountName" not in found
    assert found["enableServiceLinks"] is False
    assert not {"hostNetwork", "hostPID", "hostIPC"} & set(found)
    assert found["securityContext"]["runAsNonRoot"] is True
    assert found["securityContext"]["runAsUser"] >= 10000
    assert found["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    for volume in found["volumes"]:
        assert "hostPath" not in volume
        assert volume.get("emptyDir", {"sizeLimit": 1}).get("sizeLimit"), "an emptyDir without a size fills the node"


@pytest.mark.parametrize("name", sorted(workloads()))
def test_every_container_is_hardened_limited_and_pinned(name: str) -> None:
    found = list(containers(workloads()[name]))
    assert found
    for container in found:
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "runAsNonRoot": True,
            "capabilities": {"drop": ["ALL"]},
        }
        for kind in ("requests", "limits"):
            assert set(container["resources"][kind]) == {"cpu", "memory"}
        assert re.search(r":\d+\.\d+\.\d+$|@sha256:[0-9a-f]{64}$", container["image"]), container["image"]


def test_no_manifest_carries_a_secret() -> None:
    assert not of_kind("Secret")
    assert not set(of_kind("ConfigMap")["axons-settings"]["data"]) & set(SECRETS)
    for each in workloads().values():
        assert not [container["env"] for container in containers(each) if "env" in container]


@pytest.mark.parametrize("name", ["base", "example"])
def test_the_settings_start_the_service(name: str) -> None:
    values = of_kind("ConfigMap", name)["axons-settings"]["data"]
    assert all(isinstance(value, str) for value in values.values())
    others = {key: value for key, value in os.environ.items() if not key.startswith(("AXONS_", "DJANGO_"))}
    program = (
        "from django.conf import settings; print(settings.AXONS_ENVIRONMENT.misspelt(), settings.AXONS_PUBLIC_URL)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**others, **values, **SECRETS},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["{}", values["AXONS_PUBLIC_URL"]]


def test_a_probe_asks_under_a_name_that_the_service_answers_to() -> None:
    hosts = of_kind("ConfigMap")["axons-settings"]["data"]["AXONS_ALLOWED_HOSTS"].split(",")
    web = pod(of_kind("Deployment")["axons-web"])["containers"][0]
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        asked = web[probe]["httpGet"]
        assert asked["path"] in ("/health/live", "/health/ready")
        assert {header["name"]: header["value"] for header in asked["httpHeaders"]}["Host"] in hosts
    assert web["readinessProbe"]["httpGet"]["path"] == "/health/ready"
    assert web["livenessProbe"]["httpGet"]["path"] == "/health/live", "an outage of the store must not restart the web"


def test_every_queue_has_workers_and_there_is_one_beat() -> None:
    commands = {name: pod(each)["containers"][0]["command"] for name, each in of_kind("Deployment").items()}
    served = [command[command.index("--queues") + 1] for command in commands.values() if "--queues" in command]
    assert sorted(served) == sorted(broker.QUEUES)
    beat = of_kind("Deployment")["axons-beat"]["spec"]
    assert (beat["replicas"], beat["strategy"]) == (1, {"type": "Recreate"})


def test_every_reference_leads_somewhere() -> None:
    deployments = of_kind("Deployment")
    for scaler in of_kind("HorizontalPodAutoscaler").values():
        assert scaler["spec"]["scaleTargetRef"]["name"] in deployments
        assert "replicas" not in deployments[scaler["spec"]["scaleTargetRef"]["name"]]["spec"], "two would set it"
    for disruption in of_kind("PodDisruptionBudget").values():
        labels = disruption["spec"]["selector"]["matchLabels"]
        assert labels["app.kubernetes.io/name"] in deployments
    assert set(of_kind("PodDisruptionBudget")) == set(deployments) - {"axons-beat"}
    for each in deployments.values():
        assert each["spec"]["selector"]["matchLabels"].items() <= each["spec"]["template"]["metadata"]["labels"].items()
    (ingress,) = of_kind("Ingress").values()
    for rule in ingress["spec"]["rules"]:
        assert rule["host"] in of_kind("ConfigMap")["axons-settings"]["data"]["AXONS_ALLOWED_HOSTS"].split(",")
        for path in rule["http"]["paths"]:
            assert path["backend"]["service"]["name"] in of_kind("Service")
        assert "/metrics" not in [path["path"] for path in rule["http"]["paths"]]


def test_a_rollout_takes_nobody_away_before_the_new_one_is_there() -> None:
    for name, each in of_kind("Deployment").items():
        if name == "axons-beat":
            continue
        assert each["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"] == 0
        waits = pod(each)["initContainers"][0]["command"][-1]
        assert "axons-service migrate --check" in waits
    web = pod(of_kind("Deployment")["axons-web"])
    command = web["containers"][0]["command"]
    leaving = 5 + int(command[command.index("--timeout-graceful-shutdown") + 1])
    assert web["terminationGracePeriodSeconds"] > leaving


def test_the_prepare_workers_follow_their_queue() -> None:
    (scaled,) = of_kind("ScaledObject").values()
    assert scaled["spec"]["scaleTargetRef"]["name"] == "axons-worker-prepare"
    assert "replicas" not in of_kind("Deployment")["axons-worker-prepare"]["spec"]
    (trigger,) = scaled["spec"]["triggers"]
    assert (trigger["type"], trigger["metadata"]["queueName"], trigger["metadata"]["mode"]) == (
        "rabbitmq",
        "prepare",
        "QueueLength",
    )
    login = of_kind("TriggerAuthentication")[trigger["authenticationRef"]["name"]]["spec"]["secretTargetRef"]
    assert login == [{"parameter": "host", "name": "axons-secrets", "key": "AXONS_BROKER_URL"}]
    (other,) = of_kind("HorizontalPodAutoscaler", "prometheus-adapter").values()
    (metric,) = other["spec"]["metrics"]
    assert metric["external"]["metric"]["name"] == "axons_queue_messages"
    assert metric["external"]["metric"]["selector"]["matchLabels"]["queue"] in broker.QUEUES


def test_what_no_policy_names_is_closed() -> None:
    policies = of_kind("NetworkPolicy")
    assert policies["axons-nothing"]["spec"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    for policy in policies.values():
        for rule in policy["spec"].get("egress", []):
            for peer in rule["to"]:
                if "ipBlock" in peer:
                    assert "169.254.0.0/16" in peer["ipBlock"]["except"], "the cloud's metadata address is open"


def test_the_overlay_changes_what_it_says() -> None:
    assert all(each["metadata"]["namespace"] == "axons" for each in SHIPPED["example"] if each["kind"] != "Namespace")
    images = {container["image"] for each in workloads().values() for container in containers(each)}
    assert images == {"registry.example.org/axons-service:0.1.0"}
    assert of_kind("ConfigMap")["axons-settings"]["data"]["AXONS_S3_REGION"] == "gra"
    assert of_kind("Namespace")["axons"]["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"


def test_what_a_kustomization_names_is_there() -> None:
    files = {path for path in FOLDER.rglob("*.yaml") if path.name != "kustomization.yaml"}
    used: set[Path] = set()
    for about in FOLDER.rglob("kustomization.yaml"):
        content: dict[str, Any] = yaml.safe_load(about.read_text())
        names = [*content.get("resources", []), *(patch["path"] for patch in content.get("patches", []))]
        used |= {(about.parent / name).resolve() for name in names}
    assert files <= used, f"no kustomization applies {files - used}"
