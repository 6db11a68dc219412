"""The Job of one runner: hardened, bounded, and schedulable by what the pool's options say."""

from typing import Any

from axons_service.compute.deployment import deployment_label
from axons_service.compute.models import Pool
from axons_service.compute.providers.base import option

DEPLOYMENT_LABEL = "axons.openedx.org/deployment"
POOL_LABEL = "axons.openedx.org/pool"
RUNNER_LABEL = "axons.openedx.org/runner"
QUEUE_LABEL = "kueue.x-k8s.io/queue-name"
USER = 42420  # the user of the runner's image
GRACE_SECONDS = 60  # a checkpoint and the release of a job take ten
REMEMBERED_SECONDS = 86_400  # a Job that ended tells for a day how long it ran
LONGEST_SECONDS = 7 * 86_400

Manifest = dict[str, Any]


def own_labels(pool: Pool) -> dict[str, str]:
    """What every Job of this pool of this deployment carries, and no other."""
    return {DEPLOYMENT_LABEL: deployment_label(), POOL_LABEL: pool.name}


def runner_job(pool: Pool, name: str, namespace: str) -> Manifest:
    """A batch/v1 Job. Options, beside the required `image`, `service_url` and `token_secret` (a Secret, key `token`):

    `gpus` (default 1) and `gpu_resource`, `cpu`, `memory`, `scratch` (quantities), `node_selector`, `tolerations`,
    `queue_name` (Kueue), `priority_class`, `image_pull_secret`. Raises Rejected when a required one is missing.
    """
    labels = {
        "app.kubernetes.io/name": "axons-runner",
        "app.kubernetes.io/managed-by": "axons",
        **own_labels(pool),
        RUNNER_LABEL: name,
    }
    queue = pool.options.get("queue_name")
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": f"axons-{name}",
            "namespace": namespace,
            "labels": labels | ({QUEUE_LABEL: str(queue)} if queue else {}),
        },
        "spec": {
            "suspend": bool(queue),  # Kueue lets it go when there is room
            "backoffLimit": 0,
            "completions": 1,
            "parallelism": 1,
            "activeDeadlineSeconds": LONGEST_SECONDS,
            "ttlSecondsAfterFinished": REMEMBERED_SECONDS,
            "podReplacementPolicy": "Failed",
            "template": {"metadata": {"labels": labels}, "spec": _pod(pool, name)},
        },
    }


def _pod(pool: Pool, name: str) -> Manifest:
    pod: Manifest = {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": GRACE_SECONDS,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": USER,
            "runAsGroup": USER,
            "fsGroup": USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [_container(pool, name)],
        "volumes": [
            {"name": "scratch", "emptyDir": {"sizeLimit": str(pool.options.get("scratch") or "20Gi")}},
            {"name": "tmp", "emptyDir": {"sizeLimit": "1Gi"}},
            {"name": "shm", "emptyDir": {"medium": "Memory", "sizeLimit": "1Gi"}},
            {"name": "token", "secret": {"secretName": option(pool, "token_secret"), "defaultMode": 0o440}},
        ],
    }
    if pool.options.get("node_selector"):
        pod["nodeSelector"] = pool.options["node_selector"]
    if pool.options.get("tolerations"):
        pod["tolerations"] = pool.options["tolerations"]
    if pool.options.get("priority_class"):
        pod["priorityClassName"] = str(pool.options["priority_class"])
    if pool.options.get("image_pull_secret"):
        pod["imagePullSecrets"] = [{"name": str(pool.options["image_pull_secret"])}]
    return pod


def _container(pool: Pool, name: str) -> Manifest:
    sizes = {
        "cpu": str(pool.options.get("cpu") or "4"),
        "memory": str(pool.options.get("memory") or "16Gi"),
        "ephemeral-storage": str(pool.options.get("ephemeral_storage") or "30Gi"),
    }
    gpus = int(pool.options.get("gpus", 1))
    if gpus:
        sizes[str(pool.options.get("gpu_resource") or "nvidia.com/gpu")] = str(gpus)
    return {
        "name": "runner",
        "image": option(pool, "image"),
        "imagePullPolicy": "IfNotPresent",
        "args": ["--service", option(pool, "service_url"), "--name", name],
        "env": [
            {"name": "AXONS_POOL_TOKEN_FILE", "value": "/run/secrets/axons/token"},
            {"name": "AXONS_CACHE_DIR", "value": "/var/cache/axons"},
            {"name": "HOME", "value": "/tmp"},
        ],
        "resources": {"requests": sizes, "limits": sizes},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "runAsNonRoot": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [
            {"name": "scratch", "mountPath": "/var/cache/axons"},
            {"name": "tmp", "mountPath": "/tmp"},
            {"name": "shm", "mountPath": "/dev/shm"},
            {"name": "token", "mountPath": "/run/secrets/axons", "readOnly": True},
        ],
    }
