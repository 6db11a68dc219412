"""A Kubernetes API in memory (kmock), in a thread of its own, with what a real one adds to a Job."""

import asyncio
import json
import threading
import uuid
from datetime import UTC, datetime
from typing import Any

import kmock
from kmock import KubernetesError

NAMESPACE = "axons"


class _Api(kmock.KubernetesEmulator):
    """Gives objects their uid, lists by label, which the emulator does not, and refuses on request."""

    refusal: KubernetesError | None = None

    async def _handle(self, request: Any) -> Any:
        if request.action == kmock.action.CREATE:
            if self.refusal is not None:
                raise self.refusal
            request.data.setdefault("metadata", {}).setdefault("uid", str(uuid.uuid4()))
        return await super()._handle(request)

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
    """`url`, `kubeconfig(folder)`, and the hands of the controllers: `run`, `end`."""

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
        return {key[2]: thing.raw for key, thing in self.api.objects.items() if not thing.deleted}

    def patch(self, name: str, change: dict[str, Any]) -> None:
        """What a controller writes."""
        for key, thing in self.api.objects.items():
            if key[2] == name and not thing.deleted:
                thing.patch(change)
                return
        raise KeyError(name)

    def refuse_creation(self, status: int, message: str) -> None:
        self.api.refusal = KubernetesError(status, "Refused", message)

    def run(self, name: str) -> None:
        """The node came, the pod runs."""
        self.patch(name, {"status": {"startTime": _now(), "active": 1, "ready": 1}})

    def end(self, name: str) -> None:
        """The pod's process died: with backoffLimit 0 the Job has failed."""
        condition = {"type": "Failed", "status": "True", "lastTransitionTime": _now(), "reason": "BackoffLimitExceeded"}
        self.patch(name, {"status": {"active": 0, "ready": 0, "conditions": [condition]}})


def _now() -> str:
    return datetime.now(tz=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
