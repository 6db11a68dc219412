"""What is measured, but for the watchers: submissions, claims, event batches, submit → claim, and the list."""

from __future__ import annotations

import itertools
import json
import random
import statistics
import threading
import time
import uuid
from dataclasses import dataclass

from tests.benchmarks.service.http import Client, percentile, sustained
from tests.benchmarks.service.world import POOL_TOKEN, USAGE, World

HYPERPARAMETERS = {"architecture": "small_cnn", "epochs": 2}


def submit(client: Client, world: World, learner: int) -> str:
    """Hand in one training over HTTP, signed and with an Idempotency-Key; the job's id."""
    status, body = client.call(
        "POST",
        "/api/v1/jobs",
        world.token(learner),
        {"kind": "training", "training_set": str(world.sets[learner]), "hyperparameters": HYPERPARAMETERS},
        {"Idempotency-Key": uuid.uuid4().hex},
    )
    if status != 201:
        raise SystemExit(f"a submission was answered {status}: {body[:500]!r}")
    return str(json.loads(body)["id"])


def claim(client: Client, runner: str, wait: float) -> dict[str, str] | None:
    """One claim of the training slot; None when there was nothing for `wait` seconds."""
    about = {"name": runner, "version": "bench", "device": "none", "slots": ["training"]}
    status, body = client.call("POST", "/runner/v1/claim", POOL_TOKEN, {"runner": about, "wait": wait})
    if status not in (200, 204):
        raise SystemExit(f"a claim was answered {status}: {body[:500]!r}")
    return dict(json.loads(body)) if status == 200 else None


def submissions_per_second(port: int, world: World, clients: int, seconds: float) -> float:
    """Sustained submissions a second."""
    turn = itertools.count()

    def step(client: Client, number: int) -> bool:
        submit(client, world, next(turn) % len(world.sets))
        return True

    return sustained(port, clients, seconds, step)


def claims_per_second(port: int, clients: int, seconds: float) -> float:
    """Sustained claims a second while jobs are waiting. Exits when there were none."""

    def step(client: Client, number: int) -> bool:
        return claim(client, f"bench-{number}", 0) is not None

    found = sustained(port, clients, seconds, step)
    if found <= 0:
        raise SystemExit("claims found nothing although jobs are waiting")
    return found


def batches_per_second(port: int, held: list[tuple[uuid.UUID, str]], clients: int, seconds: float) -> float:
    """Sustained event batches a second: metrics, resources and a piece of log in each, as runners send them."""
    mine = [held[number::clients] for number in range(clients)]
    sent = [itertools.count() for _ in range(clients)]

    def step(client: Client, number: int) -> bool:
        count = next(sent[number])
        job, token = mine[number][count % len(mine[number])]
        seq = 2 * (count // len(mine[number])) + 1
        metrics = {"step": seq, "epoch": 1.0, "split": "train", "loss": 0.5, "accuracy": 0.8, "learning_rate": 0.003}
        resources = {"cpu_percent": 90.0, "memory_bytes": 10**9, "gpu_percent": None}
        events = [{"kind": "metrics", "data": metrics}, {"kind": "resources", "data": resources}]
        body = {"attempt": 1, "seq": seq, "events": events, "log": f"step {seq}: loss 0.5\n"}
        status, answer = client.call("POST", f"/runner/v1/jobs/{job}/events", token, body)
        if status != 200:
            raise SystemExit(f"a batch was answered {status}: {answer[:500]!r}")
        return True

    return sustained(port, clients, seconds, step)


@dataclass
class Latency:
    """Milliseconds from sending a submission to a runner having its claim."""

    milliseconds: list[float]

    @property
    def p50(self) -> float:
        return statistics.median(self.milliseconds)

    @property
    def p99(self) -> float:
        return percentile(self.milliseconds, 0.99)


class Runners:
    """Warm runners that poll, note when they got what, and end each job at once."""

    def __init__(self, port: int, count: int) -> None:
        self.got: dict[str, float] = {}
        self._port = port
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._work, args=(f"warm-{n}",)) for n in range(count)]
        for thread in self._threads:
            thread.start()

    def _work(self, name: str) -> None:
        client = Client(self._port)
        while not self._stop.is_set():
            found = claim(client, name, 2.0)
            if found is None:
                continue
            self.got[found["job"]] = time.perf_counter()
            failure = {"class": "invalid_input", "message": "measured"}
            body = {"attempt": found["attempt"], "outcome": "failed", "failure": failure}
            client.call("POST", f"/runner/v1/jobs/{found['job']}/finish", found["token"], body)
        client.close()

    def close(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()


def submit_to_claim(port: int, world: World, *, rate: float, count: int, runners: int) -> Latency:
    """`count` submissions at random moments, `rate` a second on average, to warm runners that poll."""
    warm = Runners(port, runners)
    sent: dict[str, float] = {}
    errors: list[BaseException] = []
    warming = 10

    def send(turn: int) -> None:
        client = Client(port)
        try:
            began = time.perf_counter()
            job = submit(client, world, turn % len(world.sets))
            if turn >= warming:
                sent[job] = began
        except BaseException as error:
            errors.append(error)
        finally:
            client.close()

    time.sleep(0.5)
    senders: list[threading.Thread] = []
    random.seed(1)
    for turn in range(count + warming):
        time.sleep(random.expovariate(rate) if turn >= warming else 0.3)
        sender = threading.Thread(target=send, args=(turn,))
        sender.start()
        senders.append(sender)
    for sender in senders:
        sender.join()
    deadline = time.monotonic() + 60
    while not errors and not sent.keys() <= warm.got.keys() and time.monotonic() < deadline:
        time.sleep(0.05)
    warm.close()
    if errors:
        raise errors[0]
    missing = sent.keys() - warm.got.keys()
    if missing:
        raise SystemExit(f"{len(missing)} submissions were never claimed")
    return Latency([1000 * (warm.got[job] - began) for job, began in sent.items()])


def list_milliseconds(port: int, world: World, pages: int) -> tuple[float, float, int]:
    """Median milliseconds of the first page and of pages further on; queries of one page in the service."""
    client = Client(port)
    first: list[float] = []
    later: list[float] = []
    for _ in range(3):
        cursor = ""
        for number in range(pages):
            path = f"/api/v1/submissions?usage={USAGE.replace('+', '%2B')}{cursor}"
            token = world.token(0, "grader")
            began = time.perf_counter()
            status, body = client.call("GET", path, token)
            (first if number == 0 else later).append(1000 * (time.perf_counter() - began))
            if status != 200:
                raise SystemExit(f"the list was answered {status}: {body[:500]!r}")
            following = json.loads(body)["next"]
            if following is None:
                break
            cursor = f"&cursor={following.replace('+', '%2B')}"
    client.close()
    return statistics.median(first), statistics.median(later), _queries(world)


def _queries(world: World) -> int:
    """Queries of the same page, counted in a service of this process."""
    from django.db import connection
    from django.test import Client as Inside
    from django.test.utils import CaptureQueriesContext

    with CaptureQueriesContext(connection) as captured:
        headers = {"Authorization": f"Bearer {world.token(0, 'grader')}"}
        answer = Inside(SERVER_NAME="127.0.0.1").get("/api/v1/submissions", headers=headers)
    if answer.status_code != 200:
        raise SystemExit(f"the list was answered {answer.status_code} in process")
    return len(captured)
