"""A Kubernetes API in memory (kmock), in a thread of its own, with what a real one adds to a Job: a pod of its own.

A pod that is to go has its grace (`pass_grace` ends it): it lives on while a Job that was deleted in the background is
forgotten at once, and one that was deleted in the foreground stays until its pod is gone.
"""

import asyncio
import json
import threading
import uuid
from datetime import UTC, datetime
from typing import Any

import kmock
from kmock import KubernetesError

NAMESPACE = "axons"
JOB_LABEL = "batch.kubernetes.io/job-name"


class _Api(kmock.KubernetesEmulator):
    """Gives objects their uid, lists by label, which the emulator does not, and refuses on request."""

    refusal: KubernetesError | None = None

    async def _handle(self, request: Any) -> Any:
        if request.action == kmock.action.CREATE:
            if self.refusal is not None:
                raise self.refusal
            request.data.setdefault("metadata", {}).setdefault("uid", str(uuid.uuid4()))
        elif request.action == kmock.action.DELETE and request.name is not None:
            self._propagate(request)
        answer = await super()._handle(request)
        self.collect()
        return answer

    def _propagate(self, request: Any) -> None:
        """What a delete means for a Job's pod: told to go, with its grace or at once."""
        how = request.params
        if request.resource.plural == "pods":
            if how.get("gracePeriodSeconds") != "0" and (pod := self.living("pods").get(request.name)) is not None:
                pod.patch({"metadata": {"finalizers": ["kubelet"]}})
            return
        if how.get("propagationPolicy") == "Foreground" and (job := self.living("jobs").get(request.name)) is not None:
            job.patch({"metadata": {"finalizers": ["foregroundDeletion"]}})
        for pod in self.pods(request.name).values():
            pod.patch({"metadata": {"finalizers": ["kubelet"], "deletionTimestamp": _now()}})

    def living(self, plural: str) -> dict[str, Any]:
        """Objects of a kind that are not gone, by name."""
        return {key[2]: thing for key, thing in self.objects.items() if key[0].plural == plural and not thing.deleted}

    def pods(self, job: str) -> dict[str, Any]:
        """The living pods of a Job."""
        return {name: pod for name, pod in self.living("pods").items() if _labels(pod.raw).get(JOB_LABEL) == job}

    def collect(self) -> None:
        """The garbage collector: a Job that waits for its pods goes when they are gone."""
        for name, job in self.living("jobs").items():
            if job.raw["metadata"].get("deletionTimestamp") and not self.pods(name):
                job.delete()

    async def _render_error(self, exc: Exception) -> Any:
        response = await super()._render_error(exc)
        response.headers["Content-Type"] = "application/json"  # a real API names no charset, and clients look for that
        return response

    async def _serve_list(self, request: Any) -> Any:
        answer = await super()._serve_list(request)
        selector = request.params.get("labelSelector")
        if selector and isinstance(answer, dict):
            wanted = dict(pair.split("=", 1) for pair in str(selector).split(","))
            answer["items"] = [
                item
                for item in answer["items"]
                if wanted.items() <= (item.get("metadata", {}).get("labels") or {}).items()
            ]
        return answer


class Cluster:
    """`url`, `kubeconfig(folder)`, and the hands of the controllers: `run`, `end`, `pass_grace`."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.api = self._await(self._start())

    async def _start(self) -> Any:
        self._handler = _Api()
        for resource in ("batch/v1/jobs", "v1/pods"):
            self._handler.resources[resource] = {"namespaced": True}
        await self._handler.__aenter__()
        self._server = kmock.Server(self._handler)
        await self._server.__aenter__()
        return self._handler

    def _await(self, coroutine: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(10)

    @property
    def url(self) -> str:
        return str(self._server.url).rstrip("/")

    def close(self) -> None:
        """Stop serving; a second call is fine."""
        if not self._loop.is_running():
            return

        async def stop() -> None:
            await self._server.__aexit__(None, None, None)
            await self._handler.__aexit__(None, None, None)

        self._await(stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)

    def kubeconfig(self) -> str:
        return json.dumps(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "clusters": [{"name": "test", "cluster": {"server": self.url}}],
                "users": [{"name": "test", "user": {"token": "t"}}],
                "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test", "namespace": NAMESPACE}}],
                "current-context": "test",
            }
        )

    def jobs(self) -> dict[str, dict[str, Any]]:
        """Living Jobs by name, as the API holds them."""
        return {name: thing.raw for name, thing in self.api.living("jobs").items()}

    def machines(self) -> set[str]:
        """Names of the Jobs that have a process, or wait for one."""
        waiting = {name for name, job in self.jobs().items() if not job.get("status")}
        return waiting | {_labels(pod.raw)[JOB_LABEL] for pod in self.api.living("pods").values()}

    def patch(self, name: str, change: dict[str, Any]) -> None:
        """What a controller writes."""
        self.api.living("jobs")[name].patch(change)

    def refuse_creation(self, status: int, message: str) -> None:
        self.api.refusal = KubernetesError(status, "Refused", message)

    def run(self, name: str) -> None:
        """The node came, the pod runs."""
        self.patch(name, {"status": {"startTime": _now(), "active": 1, "ready": 1}})
        pod = {"metadata": {"name": f"{name}-x", "namespace": NAMESPACE, "labels": {JOB_LABEL: name}}}
        self.api.objects[(kmock.resource("v1/pods"), NAMESPACE, f"{name}-x")] = pod

    def node_lost(self, name: str) -> None:
        """The node does not answer: its pod is not ready, whatever runs there."""
        self.patch(name, {"status": {"ready": 0}})

    def requeue(self, name: str, since: datetime) -> None:
        """Kueue suspended the Job and let it go again: it has a new start."""
        self.patch(name, {"status": {"startTime": since.strftime("%Y-%m-%dT%H:%M:%SZ")}})

    def pass_grace(self) -> None:
        """The grace of every pod that is to go is over."""
        for pod in self.api.living("pods").values():
            if pod.raw["metadata"].get("deletionTimestamp"):
                pod.delete()
        self.api.collect()

    def end(self, name: str) -> None:
        """The pod's process died: with backoffLimit 0 the Job has failed."""
        for pod in self.api.pods(name).values():
            pod.delete()
        condition = {"type": "Failed", "status": "True", "lastTransitionTime": _now(), "reason": "BackoffLimitExceeded"}
        self.patch(name, {"status": {"active": 0, "ready": 0, "conditions": [condition]}})


def _labels(raw: Any) -> dict[str, str]:
    return raw.get("metadata", {}).get("labels") or {}


def _now() -> str:
    return datetime.now(tz=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
