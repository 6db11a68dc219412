"""A finished job's events and log as objects: a gzipped JSON text sequence (RFC 7464), and text. Mostly pure."""

import gzip
import json
import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from axons_service.jobs.models import Job
from axons_service.operations.problems import Problem
from axons_service.storage import keys, objects

RECORD = b"\x1e"
LOG_BYTES = 2 * 1024 * 1024  # of a job's log; older lines go first
CUT = "… earlier lines were dropped …\n"

logger = logging.getLogger(__name__)


def encode(records: Iterable[dict[str, Any]]) -> bytes:
    """Records as a gzipped JSON text sequence; the same records give the same bytes."""
    texts = (json.dumps(record, separators=(",", ":"), ensure_ascii=False).encode() for record in records)
    return gzip.compress(b"".join(RECORD + text + b"\n" for text in texts), mtime=0)


def decode(data: bytes) -> list[dict[str, Any]]:
    """The records of `encode`. Raises ValueError or OSError when the object is not one."""
    return [json.loads(text) for text in gzip.decompress(data).split(RECORD)[1:]]


def log_text(records: Iterable[dict[str, Any]]) -> str:
    """What the runners logged, in order, with a heading for each attempt; at most the newest LOG_BYTES."""
    pieces: list[str] = []
    attempt = 0
    for record in records:
        if record["kind"] != "log":
            continue
        if record["attempt"] != attempt:
            attempt = record["attempt"]
            pieces.append(f"== attempt {attempt} ==\n")
        text = str(record["data"].get("text", ""))
        pieces.append(text if text.endswith("\n") else text + "\n")
    whole = "".join(pieces)
    encoded = whole.encode()
    if len(encoded) <= LOG_BYTES:
        return whole
    newest = encoded[-LOG_BYTES:].decode(errors="ignore")
    return CUT + newest[newest.find("\n") + 1 :]


@contextmanager
def store_needed() -> Iterator[None]:
    """Turns an object store that does not answer, or lost an object, into Problem 503."""
    try:
        yield
    except (BotoCoreError, ClientError, OSError) as error:
        logger.warning("the object store does not give what is needed: %s", error)
        sentence = "The file store does not answer just now. Nothing is lost; try again in a minute."
        raise Problem(503, "store_unavailable", sentence) from error


def archived_events(job: Job) -> list[dict[str, Any]]:
    """Every event of an archived job, as `event_output` gave them. Raises Problem 503 when the store is away."""
    with store_needed():
        return decode(objects.get_bytes(keys.job_events_key(job)))


def archived_log(job: Job) -> str:
    """The log of an archived job. Raises Problem 503 when the store is away."""
    with store_needed():
        return objects.get_bytes(keys.job_log_key(job)).decode()
