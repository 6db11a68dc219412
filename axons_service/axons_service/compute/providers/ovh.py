"""Runners as jobs of OVHcloud AI Training, over its HTTP API. Billed by the minute while RUNNING.

A job's name is not unique there, so the runner's name is a label, and `start` looks for it before it asks for a new
one: an answer that was lost is found again instead of paid twice, also when its machine has ended since.

Whoever may read the project sees a job's environment: it holds no token but one that this runner enrols with once.
"""

from datetime import datetime
from pathlib import Path
from typing import Any

import requests

from axons_service.compute.deployment import deployment_label
from axons_service.compute.enrolment import enrolment_token
from axons_service.compute.providers.base import (
    Handle,
    Machine,
    NoCapacity,
    Provider,
    ProviderError,
    Rejected,
    Status,
    option,
)

DEFAULT_API = "https://gra.ai.cloud.ovh.net"
DEFAULT_FLAVOR = "ai1-1-gpu"  # 13 vCores, 40 GiB, V100S 32 GB
DEPLOYMENT_LABEL = "axons-deployment"
POOL_LABEL = "axons-pool"
RUNNER_LABEL = "axons-runner"
TIMEOUT_SECONDS = (3.05, 15.0)
PAGE = 100
LONGEST_SECONDS = 7 * 86_400  # OVHcloud stops a job then

STATUS = {
    "QUEUED": Status.STARTING,
    "INITIALIZING": Status.STARTING,
    "PENDING": Status.STARTING,
    "RUNNING": Status.ALIVE,
    "INTERRUPTING": Status.ALIVE,
    "FINALIZING": Status.ALIVE,
    "DONE": Status.GONE,
    "TIMEOUT": Status.GONE,
    "INTERRUPTED": Status.GONE,
    "FAILED": Status.GONE,
    "ERROR": Status.GONE,
}
LIVE = [state for state, status in STATUS.items() if status is not Status.GONE]

Json = dict[str, Any]


class OvhProvider(Provider):
    """Handle: the job's id.

    Pool options: `image`, `service_url`, `token_file` (an application token of OVHcloud, scoped by label; required);
    `api`, `flavor`, `gpus`, `volumes` (data stores, as the API takes them).
    """

    def start(self, name: str) -> Handle:
        there = self._named(name)
        if there:  # a living one first; one that ended is a machine whose end is to be seen, and paid
            return _handle(min(there, key=lambda job: (not _is_live(job), str(job.get("createdAt", "")))))
        return _handle(self._call("POST", "/v1/job", json=self._spec(name)))

    def poll(self, handle: Handle) -> Status:
        machine = self.inspect(handle)
        return Status.GONE if machine is None else machine.status

    def inspect(self, handle: Handle) -> Machine | None:
        if not handle.get("id"):
            return None
        job = self._call("GET", f"/v1/job/{handle['id']}", missing_is_fine=True)
        return _machine(job) if job else None

    def stop(self, handle: Handle, *, force: bool = False) -> None:
        """There is no harder way than `kill`: a process that ignores it is ended by OVHcloud."""
        if handle.get("id"):
            self._call("PUT", f"/v1/job/{handle['id']}/kill", missing_is_fine=True)

    def machines(self) -> list[Machine]:
        jobs = self._jobs(self._labels(), LIVE)
        return [_machine(job) for job in jobs if _is_live(job)]

    def namesakes(self, name: str) -> list[Machine]:
        """A start that arrived twice made two jobs of one name."""
        return [_machine(job) for job in self._named(name)]

    def _spec(self, name: str) -> Json:
        spec: Json = {
            "image": option(self.pool, "image"),
            "name": f"axons-{name}",
            "labels": self._labels() | {RUNNER_LABEL: name},
            "envVars": [
                {"name": "AXONS_SERVICE_URL", "value": option(self.pool, "service_url")},
                {"name": "AXONS_RUNNER_NAME", "value": name},
                {"name": "AXONS_ENROLMENT_TOKEN", "value": enrolment_token(pool=self.pool.name, runner=name)},
            ],
            "resources": {
                "flavor": str(self.pool.options.get("flavor") or DEFAULT_FLAVOR),
                "gpu": int(self.pool.options.get("gpus", 1)),
            },
            "timeout": LONGEST_SECONDS,
        }
        if self.pool.options.get("volumes"):
            spec["volumes"] = self.pool.options["volumes"]
        return spec

    def _named(self, name: str) -> list[Json]:
        """Every job of a runner's name, ended ones too."""
        return self._jobs(self._labels() | {RUNNER_LABEL: name}, [])

    def _labels(self) -> dict[str, str]:
        """What every job of this pool of this deployment carries, and no other."""
        return {DEPLOYMENT_LABEL: deployment_label(), POOL_LABEL: self.pool.name}

    def _jobs(self, labels: dict[str, str], states: list[str]) -> list[Json]:
        """Jobs with these labels, of these states if any are given. Pages are asked for until one is not full."""
        found: list[Json] = []
        selector = ",".join(f"{name}={value}" for name, value in labels.items())
        page = 1
        while True:
            answer = self._call(
                "GET",
                "/v1/job",
                params={"page": page, "size": PAGE, "labelSelector": selector, "statusState": states},
            )
            items = answer.get("items") or []
            # compared here too: a job of somebody else must never be stopped for a server's mistake
            found += [job for job in items if labels.items() <= _labels(job).items()]
            if len(items) < PAGE:
                return found
            page += 1

    def _call(
        self,
        method: str,
        path: str,
        *,
        json: Json | None = None,
        params: Json | None = None,
        missing_is_fine: bool = False,
    ) -> Json:
        api = str(self.pool.options.get("api") or DEFAULT_API).rstrip("/")
        token = _secret(self.pool.name, option(self.pool, "token_file"))
        try:
            response = requests.request(
                method,
                api + path,
                json=json,
                params=params,
                headers={"Authorization": f"Bearer {token}", "Accept": "application/json"},
                timeout=TIMEOUT_SECONDS,
                allow_redirects=False,
            )
        except requests.RequestException as error:
            raise ProviderError(f"OVHcloud AI Training does not answer: {type(error).__name__}") from error
        if response.status_code == 404 and missing_is_fine:
            return {}
        if response.status_code // 100 != 2:
            raise _port_error(method, response)
        try:
            return dict(response.json()) if response.content else {}
        except ValueError as error:
            raise ProviderError("OVHcloud AI Training answered with something that is not JSON.") from error


def _port_error(method: str, response: requests.Response) -> ProviderError:
    text = " ".join(response.text[:300].split())
    code = response.status_code
    wait = response.headers.get("Retry-After", "")
    retry_after = float(wait) if wait.isdigit() else None
    if code in (429, 408) or code >= 500:
        return ProviderError(f"OVHcloud AI Training answered {code}: {text}", retry_after=retry_after)
    if method == "POST" and any(word in text.lower() for word in ("quota", "capacity", "not enough")):
        return NoCapacity(f"OVHcloud has no GPU for this project now: {text}", retry_after=retry_after)
    if code == 401:
        return Rejected("OVHcloud does not accept the application token: make a new one and replace the token file.")
    if code == 402:
        return Rejected("OVHcloud asks for a payment method on this Public Cloud project.")
    if code == 409:
        return ProviderError(f"OVHcloud is busy with this job: {text}", retry_after=retry_after)
    return Rejected(f"OVHcloud refuses the request ({code}): {text}")


def _secret(pool: str, path: str) -> str:
    try:
        return Path(path).read_text().strip()
    except OSError as error:
        raise Rejected(
            f"The pool {pool} names the token file {path}, which cannot be read: {error.strerror}."
        ) from error


def _labels(job: Json) -> dict[str, str]:
    return (job.get("spec") or {}).get("labels") or {}


def _is_live(job: Json) -> bool:
    return _machine(job).status is not Status.GONE


def _handle(job: Json) -> Handle:
    return {"id": job["id"]}


def _machine(job: Json) -> Machine:
    status = job.get("status") or {}
    # a state that a later version of the API adds counts as alive: its job may cost money
    return Machine(
        name=_labels(job).get(RUNNER_LABEL, ""),
        handle=_handle(job),
        status=STATUS.get(str(status.get("state")), Status.ALIVE),
        billed_from=_time(status.get("startedAt")),
        billed_until=_time(status.get("stoppedAt")),
    )


def _time(value: object) -> datetime | None:
    return datetime.fromisoformat(value) if isinstance(value, str) and value else None
