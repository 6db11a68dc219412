"""A service and an object store in one small HTTP server: what the agent meets in these tests."""

from __future__ import annotations

import contextlib
import hashlib
import json
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = tuple[int, dict[str, Any]]


class FakeService:
    """Hands out assignments, keeps what runners say, and can be told to misbehave."""

    def __init__(self) -> None:
        self.lock = threading.Condition()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.server.daemon_threads = True
        self.reset()
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def reset(self) -> None:
        """Forget everything, for the next test with the same agent."""
        self.waiting: list[dict[str, Any]] = []
        self.claims: list[dict[str, Any]] = []
        self.batches: list[dict[str, Any]] = []
        self.events: list[dict[str, Any]] = []
        self.checkpoints: list[dict[str, Any]] = []
        self.finished: list[dict[str, Any]] = []
        self.objects: dict[str, bytes] = {}
        self.cancel = False
        self.superseded = False
        self.enrolments: list[str] = []
        self.refuse_enrolments: list[Answer] = []  # what the next ones get; their work is done when it is a 5xx
        self.seq: dict[tuple[str, int], int] = {}
        # called with ("events" | "uploads" | …, body); may return "drop" (act, then no answer) or "down" (503)
        self.trouble: Callable[[str, dict[str, Any]], str | None] = lambda call, body: None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()

    def put(self, name: str, data: bytes) -> dict[str, Any]:
        """Store an object and return how an assignment names it."""
        self.objects[name] = data
        digest = hashlib.sha256(data).hexdigest()
        return {"name": name, "sha256": digest, "bytes": len(data), "url": f"{self.url}/objects/{name}"}

    def offer(self, assignment: dict[str, Any]) -> None:
        with self.lock:
            self.waiting.append(assignment)
            self.lock.notify_all()

    def wait_for(self, condition: Callable[[], Any], seconds: float = 60) -> Any:
        """Return the first true value of ``condition``; AssertionError after ``seconds``."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            with self.lock:
                if found := condition():
                    return found
            time.sleep(0.02)
        raise AssertionError(f"It did not happen within {seconds} s.")

    def of_kind(self, kind: str) -> list[dict[str, Any]]:
        return [event["data"] for event in self.events if event["kind"] == kind]

    def answer(self, path: str, token: str, body: dict[str, Any]) -> Answer:
        if path == "/runner/v1/claim":
            return self._claim(token, body)
        if path == "/runner/v1/enrol":
            return self._enrol(token, body)
        _, _, _, _, job, call = path.split("/")
        if token != "attempt-token":
            return 401, {"code": "attempt_token", "detail": "no"}
        if self.superseded:
            return 409, {"code": "attempt_superseded", "detail": "another attempt has the job"}
        calls = {
            "events": self._events, "uploads": self._uploads, "checkpoints": self._checkpoint, "finish": self._finish
        }  # fmt: skip
        return calls[call](job, body)

    def _enrol(self, token: str, body: dict[str, Any]) -> Answer:
        if token != "enrolment-token":
            return 401, {"code": "enrolment_token", "detail": "no"}
        with self.lock:
            self.enrolments.append(body["token_sha256"])
            if self.refuse_enrolments:
                return self.refuse_enrolments.pop(0)
            if body["token_sha256"] != self.enrolments[0]:
                return 409, {"code": "enrolment_used", "detail": "no"}
        return 200, {"pool": "gpu"}

    def _claim(self, token: str, body: dict[str, Any]) -> Answer:
        if token != "pool-token" and hashlib.sha256(token.encode()).hexdigest() not in self.enrolments[:1]:
            return 401, {"code": "pool_token", "detail": "no"}
        if not body["runner"]["slots"]:  # the doctor: as the service does, nothing for no slot
            return 204, {}
        slot = body["runner"]["slots"][0]
        kinds = {"training": ("training", "evaluation"), "inference": ("inference",)}[slot]
        with self.lock:
            self.claims.append(body)
            deadline = time.monotonic() + min(body["wait"], 1)
            while time.monotonic() < deadline:
                for assignment in self.waiting:
                    if assignment["kind"] in kinds:
                        self.waiting.remove(assignment)
                        return 200, assignment
                self.lock.wait(0.05)
        return 204, {}

    def _events(self, job: str, body: dict[str, Any]) -> Answer:
        with self.lock:
            self.batches.append({"at": time.monotonic(), **body})
            key = (job, body["attempt"])
            for number, event in enumerate(body["events"], body["seq"]):
                if number > self.seq.get(key, 0):
                    self.seq[key] = number
                    self.events.append({**event, "seq": number, "attempt": body["attempt"]})
            return 200, {"cancel": self.cancel, "lease_seconds": 90}

    def _uploads(self, job: str, body: dict[str, Any]) -> Answer:
        files = []
        for file in body["files"]:
            key = f"{job}/{body['attempt']}/{body['purpose']}/{file['name']}"
            headers = {"Content-Type": file["content_type"]}
            url = f"{self.url}/objects/{key}"
            files.append({"name": file["name"], "key": key, "url": url, "method": "PUT", "headers": headers})
        return 200, {"files": files}

    def _checkpoint(self, job: str, body: dict[str, Any]) -> Answer:
        if len(self.objects.get(body["key"], b"")) != body["bytes"]:
            return 422, {"code": "file_incomplete", "detail": "no such object"}
        with self.lock:
            self.checkpoints.append(body)
        return 201, {}

    def _finish(self, job: str, body: dict[str, Any]) -> Answer:
        for file in body["files"]:
            if hashlib.sha256(self.objects.get(file["key"], b"")).hexdigest() != file["sha256"]:
                return 422, {"code": "file_incomplete", "detail": file["name"]}
        with self.lock:
            self.finished.append(body)
        return 200, {"state": "succeeded"}


def _handler(service: FakeService) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: Any) -> None:
            pass

        def _body(self) -> bytes:
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))

        def _send(self, status: int, data: bytes, kind: str = "application/json") -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(data)))
            with contextlib.suppress(OSError):  # an agent that was killed no longer listens
                self.end_headers()
                self.wfile.write(data)

        def do_GET(self) -> None:
            data = service.objects.get(self.path.removeprefix("/objects/"))
            self._send(404 if data is None else 200, data or b"", "application/octet-stream")

        def do_PUT(self) -> None:
            service.objects[self.path.removeprefix("/objects/")] = self._body()
            self._send(200, b"")

        def do_POST(self) -> None:
            body = json.loads(self._body())
            call = self.path.rsplit("/", 1)[1]
            trouble = service.trouble(call, body)
            if trouble == "down":
                return self._send(503, b"{}")
            token = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
            status, answer = service.answer(self.path, token, body)
            if trouble == "drop":
                self.close_connection = True
                return None
            return self._send(status, b"" if status == 204 else json.dumps(answer).encode())

    return Handler
