"""OVHcloud AI Training as its documentation describes it, on loopback: states, minutes, quota, and its bad days.

Time is the cloud's own (`forward`), so that a slow start costs a test nothing. What it bills is counted here,
independently of the service.
"""

import json
import math
import threading
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

TOKEN = "application-token-of-the-emulator"
QUOTA = 4
QUEUED_SECONDS = 2
INITIALIZING_SECONDS = 8
ENDED = {"DONE", "TIMEOUT", "INTERRUPTED", "FAILED", "ERROR"}
NEEDED = {"image"}
KNOWN = {"image", "command", "envVars", "labels", "name", "resources", "timeout", "volumes"}


@dataclass
class Job:
    id: str
    spec: dict[str, Any]
    created_at: datetime
    state: str = "QUEUED"
    started_at: datetime | None = None
    stopped_at: datetime | None = None
    never_starts: bool = False
    kill_takes: timedelta = timedelta(seconds=5)
    killed_at: datetime | None = None

    def answer(self) -> dict[str, Any]:
        def text(moment: datetime | None) -> str | None:
            return moment.isoformat() if moment else None

        return {
            "id": self.id,
            "createdAt": text(self.created_at),
            "spec": self.spec,
            "status": {"state": self.state, "startedAt": text(self.started_at), "stoppedAt": text(self.stopped_at)},
        }


@dataclass
class Fault:
    """What the next request (of `method`, if given) gets instead of an answer, or after the work was done."""

    status: int = 0  # 0: the connection is dropped
    after: bool = False  # the work is done first: the client never hears of it
    headers: dict[str, str] = field(default_factory=dict)
    method: str | None = None


class OvhCloud:
    """The cloud: `url`, `jobs`, `faults`, `forward`."""

    def __init__(self) -> None:
        self.jobs: dict[str, Job] = {}
        self.faults: list[Fault] = []
        self.fault_on_one: Fault | None = None  # of the next question after a single job
        self.quota = QUOTA
        self.next_never_starts = False
        self.now = datetime(2026, 9, 1, 8, tzinfo=UTC)
        self.requests: list[tuple[str, str]] = []
        self._lock = threading.RLock()
        cloud = self

        class Handler(BaseHTTPRequestHandler):
            def _serve(self) -> None:
                cloud.serve(self)

            do_GET = do_POST = do_PUT = do_DELETE = _serve

            def log_message(self, *args: Any) -> None:
                """Be quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def forward(self, seconds: float) -> None:
        """Let time pass."""
        with self._lock:
            for _ in range(max(1, math.ceil(seconds))):
                self.now += timedelta(seconds=min(1.0, seconds))
                for job in self.jobs.values():
                    self._advance(job)

    def end(self, job_id: str, state: str) -> None:
        """The container ends by itself, or the cloud interrupts it."""
        with self._lock:
            job = self.jobs[job_id]
            job.state, job.stopped_at = state, self.now if job.started_at else None

    def living(self) -> list[Job]:
        return [job for job in self.jobs.values() if job.state not in ENDED]

    def billed_seconds(self) -> int:
        """Every commenced minute of RUNNING, by our own count."""
        total = 0
        for job in self.jobs.values():
            if job.started_at is not None:
                total += math.ceil(((job.stopped_at or self.now) - job.started_at).total_seconds() / 60) * 60
        return total

    def _advance(self, job: Job) -> None:
        age = (self.now - job.created_at).total_seconds()
        if job.state in ENDED:
            return
        if job.killed_at is not None:
            if self.now - job.killed_at >= job.kill_takes:
                job.state = "INTERRUPTED"
                job.stopped_at = self.now if job.started_at else None
            return
        if job.state == "QUEUED" and age >= QUEUED_SECONDS:
            job.state = "INITIALIZING"
        if job.state == "INITIALIZING" and age >= INITIALIZING_SECONDS:
            job.state = "PENDING"
        elif job.state == "PENDING" and not job.never_starts:
            job.state, job.started_at = "RUNNING", self.now

    def serve(self, request: BaseHTTPRequestHandler) -> None:
        parts = urlsplit(request.path)
        length = int(request.headers.get("Content-Length") or 0)
        body = json.loads(request.rfile.read(length)) if length else None
        with self._lock:
            self.requests.append((request.command, parts.path))
            fault = self._fault(request.command)
            if self.fault_on_one is not None and request.command == "GET" and parts.path != "/v1/job":
                fault, self.fault_on_one = self.fault_on_one, None
            if fault is None or fault.after:
                if request.headers.get("Authorization") != f"Bearer {TOKEN}":
                    status, answer = 401, {"message": "invalid token"}
                else:
                    status, answer = self._route(request.command, parts.path, parse_qs(parts.query), body)
            if fault is not None:
                if not fault.status:
                    request.close_connection = True
                    request.connection.close()
                    return
                status, answer = fault.status, {"message": "a bad day"}
        payload = b"" if answer is None else json.dumps(answer).encode()
        request.send_response(status)
        for name, value in (fault.headers if fault else {}).items():
            request.send_header(name, value)
        request.send_header("Content-Type", "application/json")
        request.send_header("Content-Length", str(len(payload)))
        request.end_headers()
        request.wfile.write(payload)

    def _fault(self, method: str) -> Fault | None:
        for fault in self.faults:
            if fault.method in (None, method):
                self.faults.remove(fault)
                return fault
        return None

    def _route(self, method: str, path: str, query: dict[str, list[str]], body: Any) -> tuple[int, Any]:
        if path == "/v1/job":
            return self._create(body) if method == "POST" else self._list(query)
        job = self.jobs.get(path.split("/")[3])
        if job is None:
            return 404, {"message": "no such job"}
        if method == "GET":
            return 200, job.answer()
        if method == "PUT" and path.endswith("/kill"):
            if job.state not in ENDED and job.killed_at is None:
                job.killed_at = self.now
                job.state = "INTERRUPTING" if job.state == "RUNNING" else job.state
            return 204, None
        return 405, {"message": "not here"}

    def _create(self, spec: dict[str, Any]) -> tuple[int, Any]:
        if not set(spec) >= NEEDED or set(spec) - KNOWN:
            return 400, {"message": f"the specification must have {NEEDED} and may have {KNOWN}"}
        if len(self.living()) >= self.quota:
            return 400, {"message": f"Quota exceeded: {self.quota} GPUs"}
        job = Job(str(uuid.uuid4()), spec, self.now, never_starts=self.next_never_starts)
        self.next_never_starts = False
        self.jobs[job.id] = job
        return 200, job.answer()

    def _list(self, query: dict[str, list[str]]) -> tuple[int, Any]:
        wanted = dict(pair.split("=", 1) for pair in query["labelSelector"][0].split(","))
        states = set(query.get("statusState", []))
        found = [
            job
            for job in self.jobs.values()
            if wanted.items() <= job.spec["labels"].items() and (not states or job.state in states)
        ]
        page, size = int(query["page"][0]), int(query["size"][0])
        return 200, {"items": [job.answer() for job in found[(page - 1) * size : page * size]]}
