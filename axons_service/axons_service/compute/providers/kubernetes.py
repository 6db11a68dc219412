"""Runners as Kubernetes Jobs, one each; the cluster (with Kueue and its autoscaler, if there) finds the node."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, cast

import httpx2
from lightkube import ApiError, Client, ConfigError, KubeConfig
from lightkube.models.batch_v1 import JobStatus
from lightkube.resources.batch_v1 import Job
from lightkube.resources.core_v1 import Pod
from lightkube.types import CascadeType

from axons_service.compute.models import Pool
from axons_service.compute.providers.base import Handle, Machine, NoCapacity, Provider, ProviderError, Rejected, Status
from axons_service.compute.providers.kubernetes_manifest import RUNNER_LABEL, own_labels, runner_job

JOB_LABEL = "batch.kubernetes.io/job-name"  # given by the cluster to the pods of a Job
TIMEOUT_SECONDS = 10.0
CAPACITY_WORDS = ("exceeded quota", "insufficient")


class KubernetesProvider(Provider):
    """Handle: namespace, name and uid, so that a Job that was made anew under an old name is never taken for ours.

    Pool options: `image`, `service_url`, `token_secret` (required); the others stand in `kubernetes_manifest`.
    `kubeconfig` and `context` choose the cluster (default: the one in which the service runs).
    """

    def __init__(self, pool: Pool) -> None:
        super().__init__(pool)
        self.namespace = str(pool.options.get("namespace") or "axons")

    def start(self, name: str) -> Handle:
        manifest = runner_job(self.pool, name, self.namespace)
        job = cast(Job, Job.from_dict(manifest))
        with self._client() as client:
            try:
                return _handle(client.create(job))
            except ApiError as error:
                if error.status.code != 409:
                    raise
            existing = client.get(Job, manifest["metadata"]["name"], namespace=self.namespace)
        if not own_labels(self.pool).items() <= _labels(existing).items():
            there = f"A Job {manifest['metadata']['name']} is there"
            raise Rejected(f"{there} that is not of the pool {self.pool.name} of this deployment.")
        if existing.metadata is not None and existing.metadata.deletionTimestamp is not None:
            raise ProviderError(f"The Job {manifest['metadata']['name']} is still being deleted.", retry_after=10)
        return _handle(existing)

    def poll(self, handle: Handle) -> Status:
        machine = self.inspect(handle)
        return Status.GONE if machine is None else machine.status

    def inspect(self, handle: Handle) -> Machine | None:
        if not handle.get("name"):
            return None
        with self._client() as client:
            try:
                job = client.get(Job, handle["name"], namespace=handle["namespace"])
            except ApiError as error:
                if error.status.code != 404:
                    raise
                return None
        return _machine(job) if _handle(job) == handle else None

    def stop(self, handle: Handle, *, force: bool = False) -> None:
        """Delete the Job in the foreground: it is there until its pod is gone, and nobody takes its grace for over."""
        if not handle.get("name"):
            return
        with self._client() as client:
            try:
                client.delete(Job, handle["name"], namespace=handle["namespace"], cascade=CascadeType.FOREGROUND)
            except ApiError as error:
                if error.status.code != 404:
                    raise
            if force:
                for pod in list(client.list(Pod, namespace=handle["namespace"], labels={JOB_LABEL: handle["name"]})):
                    if pod.metadata is not None and pod.metadata.name is not None:
                        client.delete(Pod, pod.metadata.name, namespace=handle["namespace"], grace_period=0)

    def machines(self) -> list[Machine]:
        with self._client() as client:
            # the labels are compared here too: somebody else's Job must never be stopped for a server's mistake
            own = own_labels(self.pool)
            listed = client.list(Job, namespace=self.namespace, labels=dict(own))
            jobs = [job for job in listed if own.items() <= _labels(job).items()]
        return [machine for machine in map(_machine, jobs) if machine.status is not Status.GONE]

    @contextmanager
    def _client(self) -> Iterator[Client]:
        """A client of the pool's cluster, whose failures are those of the port."""
        try:
            with self._connected() as client:
                yield client
        except ApiError as error:
            raise _port_error(error) from error
        except ConfigError as error:  # credentials are read, or made by a program, with each call
            raise self._unusable(error) from error
        except httpx2.HTTPError as error:
            raise ProviderError(f"The Kubernetes API of the pool {self.pool.name} does not answer: {error}") from error

    def _connected(self) -> Client:
        """Raises Rejected with a sentence, whatever is wrong with the kubeconfig."""
        path = self.pool.options.get("kubeconfig")
        if path is not None and not Path(str(path)).is_file():
            raise Rejected(f"The pool {self.pool.name} names the kubeconfig {path}, which is not there.")
        try:
            return Client(config=self._config(), timeout=httpx2.Timeout(TIMEOUT_SECONDS), trust_env=False)
        except Exception as error:
            raise self._unusable(error) from error

    def _config(self) -> Any:
        path = self.pool.options.get("kubeconfig")
        if path is None:
            return KubeConfig.from_service_account()
        return KubeConfig.from_file(str(path)).get(context_name=self.pool.options.get("context"))

    def _unusable(self, error: Exception) -> Rejected:
        path = self.pool.options.get("kubeconfig")
        what = (
            f"the kubeconfig {path}" if path is not None else "the service account of the pod that the service runs in"
        )
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        return Rejected(
            f"The pool {self.pool.name} reaches its cluster by {what}, which cannot be used ({reason}). "
            "Set the options “kubeconfig” and “context” with pool_register."
        )


def _port_error(error: ApiError) -> ProviderError:
    message = error.status.message or str(error)
    code = error.status.code
    if code == 403 and any(word in message.lower() for word in CAPACITY_WORDS):
        return NoCapacity(f"Kubernetes has no room for another runner: {message}")
    if code in (400, 401, 403, 404, 405, 415, 422):
        return Rejected(f"Kubernetes refuses the runner: {message}")
    headers = error.response.headers
    wait = headers.get("retry-after", "")
    return ProviderError(f"Kubernetes answered {code}: {message}", retry_after=float(wait) if wait.isdigit() else None)


def _labels(job: Job) -> dict[str, str]:
    return (job.metadata.labels if job.metadata is not None else None) or {}


def _handle(job: Job) -> Handle:
    assert job.metadata is not None  # every answer of the API carries it
    return {"namespace": job.metadata.namespace, "name": job.metadata.name, "uid": job.metadata.uid}


def _machine(job: Job) -> Machine:
    status = job.status or JobStatus()
    ended = _ended(status)
    name = _labels(job).get(RUNNER_LABEL, "")
    started = status.startTime
    if ended is not None and not status.terminating:  # it is over when its pod is
        return Machine(name, _handle(job), Status.GONE, started, ended)
    is_deleted = job.metadata is not None and job.metadata.deletionTimestamp is not None
    if ended is not None or is_deleted:
        return Machine(name, _handle(job), Status.ALIVE, started)
    return Machine(name, _handle(job), Status.ALIVE if status.ready else Status.STARTING, started)


def _ended(status: JobStatus) -> datetime | None:
    """When the Job ended, whichever way; None while it has not."""
    if status.completionTime is not None:
        return status.completionTime
    for condition in status.conditions or []:
        if condition.type in ("Failed", "Complete") and condition.status == "True":
            return condition.lastTransitionTime
    return None
