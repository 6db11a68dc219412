"""Click → answer: a picture is sent, a warm runner looks at it with a supplied model, and its reader has the answer."""

from __future__ import annotations

import contextlib
import http.client
import io
import json
import random
import subprocess
import sys
import threading
import time
import urllib.request
import uuid
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from tests.benchmarks.service.http import Client
from tests.benchmarks.service.stack import Stack
from tests.benchmarks.service.world import POOL_TOKEN, World

MODEL = Path(__file__).resolve().parents[3] / "course_content" / "models" / "everyday-objects-model"
USAGE = "block-v1:Bench+AX1+2026+type@axons+block@answers"
WARMING = 5


@dataclass
class Answer:
    """Milliseconds of one answer, from the click: the picture has its place, is in the store, and is answered."""

    placed: float
    stored: float
    answered: float


class Page:
    """A student's page: one stream for all jobs."""

    def __init__(self, port: int, token: str, project: str) -> None:
        self.over: dict[str, threading.Event] = defaultdict(threading.Event)
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
        headers = {"Authorization": f"Bearer {token}", "Accept": "text/event-stream"}
        self._connection.request("GET", f"/api/v1/projects/{project}/stream", headers=headers)
        self._answer = self._connection.getresponse()
        if self._answer.status != 200:
            raise SystemExit(f"the stream was answered {self._answer.status}: {self._answer.read(500)!r}")
        threading.Thread(target=self._listen, daemon=True).start()

    def wait_for(self, job: str) -> None:
        """Return when the stream has said that the job is over."""
        if not self.over[job].wait(60):
            raise SystemExit(f"job {job} was not over after 60 s")

    def _listen(self) -> None:
        with contextlib.suppress(OSError, ValueError, http.client.HTTPException):  # closed at the end
            while line := self._answer.fp.readline():
                name, _, value = line.decode().partition(": ")
                if name == "data":
                    event = json.loads(value)
                    if event["data"].get("state") in ("succeeded", "failed", "cancelled"):
                        self.over[event["job"]].set()

    def close(self) -> None:
        self._connection.close()


class Desk:
    """An exercise with a supplied model, a learner, and a runner whose inference slot is warm."""

    def __init__(self, stack: Stack, world: World, port: int) -> None:
        self.stack, self.world, self.client = stack, world, Client(port)
        self.model, project, token = _exercise_create(world)
        self.page = Page(port, token, project)
        self.runner = self._start_runner(port)

    def ask(self, number: int) -> Answer:
        """Send a picture that nobody sent before and wait for its probabilities."""
        content = _picture(number)
        began = time.perf_counter()
        listed = [{"name": f"{number}.jpg", "bytes": len(content), "content_type": "image/jpeg"}]
        place = self._call("POST", "/api/v1/uploads", {"files": listed, "purpose": "prediction"})["uploads"][0]
        placed = time.perf_counter()
        request = urllib.request.Request(place["url"], data=content, headers=place["headers"], method=place["method"])
        urllib.request.urlopen(request, timeout=30).close()
        stored = time.perf_counter()
        job = self._call("POST", "/api/v1/jobs", {"kind": "inference", "model": self.model, "upload": place["id"]})
        self.page.wait_for(job["id"])
        job = self._call("GET", f"/api/v1/jobs/{job['id']}")
        if job["state"] != "succeeded":
            raise SystemExit(f"a picture was not answered: {job['failure']}")
        self._call("GET", f"/api/v1/predictions/{job['prediction']}")
        ended = time.perf_counter()
        return Answer(1000 * (placed - began), 1000 * (stored - began), 1000 * (ended - began))

    def close(self) -> None:
        self.stack.end(self.runner)
        self.page.close()
        self.client.close()

    def _start_runner(self, port: int) -> subprocess.Popen[bytes]:
        folder = self.stack.folder / "runner"
        folder.mkdir()
        token = folder / "token"
        token.write_text(POOL_TOKEN)
        argv = [
            sys.executable, "-m", "axons_runner", "--service", f"http://127.0.0.1:{port}",
            "--pool-token-file", str(token), "--name", "answers", "--slots", "inference",
            "--cache-dir", str(folder / "cache"),
        ]  # fmt: skip
        process = self.stack.run(argv, "runner.log")
        deadline = time.monotonic() + 90
        while "warm on" not in (self.stack.folder / "runner.log").read_text():
            if process.poll() is not None or time.monotonic() > deadline:
                said = (self.stack.folder / "runner.log").read_text()[-2000:]
                raise SystemExit(f"the runner did not start:\n{said}")
            time.sleep(0.1)
        return process

    def _call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        headers = {"Idempotency-Key": uuid.uuid4().hex} if method == "POST" else {}
        token = self.world.token(0, usage=USAGE)
        status, answer = self.client.call(method, path, token, body, headers)
        if status >= 300:
            raise SystemExit(f"{method} {path} was answered {status}: {answer[:500]!r}")
        return json.loads(answer)


def answers(stack: Stack, world: World, port: int, count: int) -> list[Answer]:
    """Ask about `count` pictures, one after the other, of an idle runner."""
    desk = Desk(stack, world, port)
    try:
        return [desk.ask(number) for number in range(count + WARMING)][WARMING:]
    finally:
        desk.close()


def _picture(seed: int) -> bytes:
    """A photograph's worth of JPEG, another for each seed."""
    small = Image.frombytes("RGB", (32, 24), random.Random(seed).randbytes(32 * 24 * 3))
    buffer = io.BytesIO()
    small.resize((640, 480), Image.Resampling.BICUBIC).save(buffer, "JPEG", quality=85)
    return buffer.getvalue()


def _exercise_create(world: World) -> tuple[str, str, str]:
    """An inference exercise with the demo course's model; the model's id, the project's, a browser's read token."""
    from axons_service.exercises.models import Exercise, Project, Spec
    from axons_service.exercises.specs import spec_hash
    from axons_service.exercises.supplied_models import supplied_model_import
    from axons_service.sites.callers import Caller, Role
    from axons_service.sites.models import Site
    from axons_service.sites.tokens import read_token_mint
    from tests.benchmarks.service.world import COURSE
    from tests.service.builders import spec

    site = Site.objects.get(pk=world.site_id)
    model, _ = supplied_model_import(site=site, folder=MODEL, name="everyday-objects-model")
    body = spec(kind="inference", model="everyday-objects-model", hidden_test_set=None, grading=None)
    row = Spec.objects.create(site=site, hash=spec_hash(body), body=body)
    exercise = Exercise.objects.create(site=site, usage_key=USAGE, course_key=COURSE)
    project = Project.objects.create(exercise=exercise, spec=row, learner="learner-0")
    caller = Caller(site, "learner-0", Role.LEARNER, COURSE, USAGE)
    return str(model.pk), str(project.pk), read_token_mint(caller, project.pk).token
