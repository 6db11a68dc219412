"""Waiting for what the service does, as a page does: by the stream, or by reading again."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import requests

from axons_demo.errors import DemoError


def until(what: str, look: Callable[[], Any], seconds: float, interval: float = 0.5) -> Any:
    """The first true answer of `look`. Raises DemoError, naming `what`, after `seconds`."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = look()
        if found:
            return found
        time.sleep(interval)
    raise DemoError(f"{what} did not come within {seconds:.0f} s.")


def stream(bundle: dict[str, Any], seconds: float) -> Iterator[dict[str, Any]]:
    """Events of the project from the service's stream, as a browser of the LMS's origin reads them."""
    headers = {"Authorization": f"Bearer {bundle['read_token']}", "Accept": "text/event-stream"}
    url = f"{bundle['stream_url']}?after={bundle['project']['cursor']}"
    deadline = time.monotonic() + seconds
    with requests.get(url, headers=headers, stream=True, timeout=(10, 30)) as answer:
        if answer.status_code != 200:
            raise DemoError(f"the stream answered {answer.status_code}: {answer.text[:200]}")
        for line in answer.iter_lines(chunk_size=1):
            if line.startswith(b"data: "):
                yield json.loads(line[6:])
            if time.monotonic() > deadline:
                raise DemoError(f"the stream said nothing that was waited for within {seconds:.0f} s.")
    raise DemoError("the stream ended before the job did.")
