"""Learners: signed clients that order trainings, predictions and hand-ins, each repeated until it is answered."""

from __future__ import annotations

import asyncio
import json
import random
import uuid
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from axons_xblock.config import Config
from axons_xblock.tokens import Identity, mint
from tests.faults.chaos import library
from tests.faults.chaos.ledger import TERMINAL, Ledger, Order
from tests.faults.chaos.wire import Broken, Message, exchange

ANSWER_SECONDS = 15.0
OUTSTANDING = 5  # jobs a learner waits for at once
POLL_SECONDS = 2.0
AGAIN = (401, 408, 425, 429)  # a duplicated request's token is spent: sign a new one, keep the key
IN_FLIGHT = "idempotency_in_flight"  # the first of two deliveries still runs: repeat to get its answer


def repeatable(message: Message) -> bool:
    """Whether the refusal is one that the same request gets past by being sent again."""
    return message.status in AGAIN or (message.status == 409 and (message.json() or {}).get("code") == IN_FLIGHT)


class Refused(Exception):
    """The service understood and refused."""


class Budget:
    """How many jobs are ordered by all learners together."""

    def __init__(self, jobs: int) -> None:
        self.left = jobs

    def take(self) -> bool:
        if self.left <= 0:
            return False
        self.left -= 1
        return True


class Student:
    """One learner in one exercise."""

    def __init__(
        self, config: Config, identity: Identity, callback: str, ledger: Ledger, budget: Budget, rng: random.Random
    ) -> None:
        self.config = config
        self.identity = identity
        self.callback = callback
        self.ledger = ledger
        self.budget = budget
        self.rng = rng
        self.models: list[str] = []
        self.waiting: set[str] = set()
        self.project = ""
        self.starter = ""
        self.read_token = ""
        self.cursor = 0
        self.seen: set[tuple[str, int]] = set()

    async def run(self) -> None:
        """Order until the budget is used up and every job has ended."""
        await self.open()
        watching = asyncio.create_task(self._watch())
        try:
            while self.budget.take():
                await self._order()
                while len(self.waiting) >= OUTSTANDING:
                    await asyncio.sleep(0.1)
                await asyncio.sleep(self.rng.uniform(0.0, 0.5))
            while self.waiting:
                await asyncio.sleep(0.2)
        finally:
            watching.cancel()

    async def open(self) -> dict[str, Any]:
        """The project as it is now, with a new read token."""
        bundle = await self.call("POST", "/projects/open", {"spec": library.spec(), "callback_url": self.callback})
        self.project, self.starter = bundle["project"]["id"], bundle["project"]["starter_set"]["id"]
        self.read_token = bundle["read_token"]
        return dict(bundle)

    async def call(self, method: str, path: str, body: Mapping[str, Any] | None = None, key: str = "") -> Any:
        """The answer's JSON; repeated until there is one. Raises Refused."""
        pause = 0.2
        while True:
            message = await self._once(method, path, body, key)
            if message is not None and 200 <= message.status < 300 and message.json() is not None:
                return message.json()
            if message is not None and 400 <= message.status < 500 and not repeatable(message):
                raise Refused(f"{method} {path}: {message.status} {message.body[:300]!r}")
            await asyncio.sleep(pause * self.rng.uniform(0.5, 1.0))
            pause = min(pause * 2, 3.0)

    async def _once(self, method: str, path: str, body: Mapping[str, Any] | None, key: str) -> Message | None:
        token = self.read_token if method == "GET" and self.read_token else mint(self.config, self.identity)
        data = b"" if body is None else json.dumps(body).encode()
        headers = [("Host", urlsplit(self.config.service_url).netloc), ("Authorization", f"Bearer {token}")]
        headers += [("Content-Type", "application/json"), ("Content-Length", str(len(data)))]
        headers += [("Idempotency-Key", key)] if key else []
        request = Message(f"{method} /api/v1{path} HTTP/1.1", headers, data)
        message = await send(self.config.service_url, request)
        if message is not None and message.status == 401 and method == "GET":
            self.read_token = ""  # a read token lives ten minutes; the next GET is signed instead
        return message

    async def _order(self) -> None:
        draw = self.rng.random()
        if not self.models or draw < 0.45:
            await self._train()
        elif draw < 0.75:
            await self._predict(self.rng.choice(self.models))
        else:
            await self._hand_in(self.rng.choice(self.models))

    async def _train(self) -> None:
        hyperparameters = {"epochs": self.rng.randint(1, 4), "learning_rate": 0.2, "seed": self.rng.randrange(1000)}
        body = {"kind": "training", "training_set": self.starter, "hyperparameters": hyperparameters}
        order = await self._place("training", "/jobs", body)
        if order.jobs and self.rng.random() < 0.03:
            await asyncio.sleep(self.rng.uniform(0.0, 3.0))
            await self.call("POST", f"/jobs/{next(iter(order.jobs))}/cancel", {})

    async def _predict(self, model: str) -> None:
        data = library.picture(self.rng.randrange(3), self.rng.randrange(10_000))
        file = {"name": "mine.jpg", "bytes": len(data), "content_type": "image/jpeg"}
        answer = await self.call("POST", "/uploads", {"files": [file], "purpose": "prediction"})
        (place,) = answer["uploads"]
        await self._put(place, data)
        await self._place("inference", "/jobs", {"kind": "inference", "model": model, "upload": place["id"]})

    async def _hand_in(self, model: str) -> None:
        await self._place("evaluation", "/submissions", {"model": model})

    async def _place(self, kind: str, path: str, body: Mapping[str, Any]) -> Order:
        order = Order(uuid.UUID(int=self.rng.getrandbits(128)).hex, kind, self.identity.learner)
        self.ledger.orders[order.key] = order
        times = 2 if self.rng.random() < 0.05 else 1  # some pages send what was answered already once more
        try:
            for _ in range(times):
                answer = await self.call("POST", path, body, order.key)
                job = answer["job"] if kind == "evaluation" else answer["id"]
                order.jobs.add(job)
                if job not in self.ledger.ended:
                    self.waiting.add(job)
        except Refused as reason:
            order.refusal = str(reason)
        return order

    async def _put(self, place: Mapping[str, Any], data: bytes) -> None:
        """Upload to a presigned place, again until it is there."""
        parts = urlsplit(place["url"])
        headers = [("Host", parts.netloc), *place["headers"].items(), ("Content-Length", str(len(data)))]
        request = Message(f"PUT {parts.path}?{parts.query} HTTP/1.1", headers, data)
        while True:
            message = await send(place["url"], request)
            if message is not None and message.status == 200:
                return
            await asyncio.sleep(0.4)

    async def _watch(self) -> None:
        """Read the project's events: what ended, and whether anything ended or was numbered twice."""
        while True:
            await asyncio.sleep(POLL_SECONDS * self.rng.uniform(0.8, 1.2))
            await self.read_events()

    async def read_events(self) -> None:
        """Read on until nothing is new."""
        while True:
            page = await self.call("GET", f"/projects/{self.project}/events?after={self.cursor}")
            self.cursor = page["cursor"]
            for event in page["events"]:
                if event["job"] is not None:
                    self._note(event)
            if len(page["events"]) < 100:
                return

    def _note(self, event: Mapping[str, Any]) -> None:
        job, number = event["job"], (event["job"], event["seq"])
        self.ledger.repeats += number in self.seen
        self.seen.add(number)
        if event["kind"] != "state" or event["data"]["state"] not in TERMINAL:
            return
        self.ledger.endings[job] += 1
        self.ledger.ended.add(job)
        self.waiting.discard(job)
        if event["data"]["state"] == "succeeded":
            asyncio.get_running_loop().create_task(self._remember_model(job))

    async def _remember_model(self, job: str) -> None:
        found = await self.call("GET", f"/jobs/{job}")
        if found["kind"] == "training" and found["model"]:
            self.models = [*self.models[-4:], found["model"]]


async def send(url: str, request: Message) -> Message | None:
    """One request; None when no whole answer came."""
    port = urlsplit(url).port
    assert port is not None, url
    try:
        return await asyncio.wait_for(exchange("127.0.0.1", port, request), ANSWER_SECONDS)
    except (OSError, Broken, TimeoutError):
        return None
