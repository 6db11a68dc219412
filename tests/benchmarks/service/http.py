"""A small keep-alive HTTP client, and several of them at once."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Callable
from typing import Any


class Client:
    """One connection to the service."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)

    def call(
        self, method: str, path: str, bearer: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> tuple[int, bytes]:
        """Status and body of the answer."""
        data = None if body is None else json.dumps(body).encode()
        sent = {"Authorization": f"Bearer {bearer}", "Content-Type": "application/json", **(headers or {})}
        self._connection.request(method, path, data, sent)
        answer = self._connection.getresponse()
        return answer.status, answer.read()

    def close(self) -> None:
        self._connection.close()


def sustained(port: int, clients: int, seconds: float, step: Callable[[Client, int], bool]) -> float:
    """Calls of `step` a second that returned True, by so many clients at once, after a second of warming up."""
    counts = [0] * clients
    errors: list[BaseException] = []
    began = time.perf_counter()
    warm, end = began + 1.0, began + 1.0 + seconds

    def work(number: int) -> None:
        client = Client(port)
        try:
            while (now := time.perf_counter()) < end:
                if not step(client, number):
                    return
                counts[number] += now >= warm
        except BaseException as error:
            errors.append(error)
        finally:
            client.close()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    return sum(counts) / (time.perf_counter() - warm)


def percentile(values: list[float], share: float) -> float:
    """The value below which that share of the values lies (nearest rank)."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
