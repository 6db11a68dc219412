"""The command line of the runner."""

from __future__ import annotations

import argparse
import os
import secrets
import socket
import sys
from pathlib import Path

from axons_runner import logs
from axons_runner.settings import DEFAULT_THREADS, EMBEDDING_CACHE_BYTES, Options, default_cache_dir

SLOTS = ("training", "inference")
SMALLEST_EMBEDDING_CACHE = 1 << 20


def main(arguments: list[str] | None = None) -> int:
    """Run ``axons-runner``, ``axons-runner doctor`` or ``axons-runner healthy``; returns the exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    command = given.pop(0) if given[:1] in (["doctor"], ["healthy"]) else "run"
    store = None
    if command == "doctor":
        store, given = _store(given)
    options = parse(given)
    if command != "run":
        from axons_runner import doctor

        return doctor.healthy(options) if command == "healthy" else doctor.main(options, store)
    try:
        logs.configure(os.environ.get("AXONS_LOG_FORMAT") or "text", options.name)
    except ValueError as error:
        raise SystemExit(f"axons-runner: {error}") from error
    from axons_runner.agent import Agent

    return Agent(options).run()


def _store(arguments: list[str]) -> tuple[str | None, list[str]]:
    """Return (the address given by --store or AXONS_STORE_URL, the other arguments)."""
    parser = argparse.ArgumentParser(prog="axons-runner doctor", add_help=False)
    parser.add_argument("--store", default=os.environ.get("AXONS_STORE_URL"))
    known, others = parser.parse_known_args(arguments)
    return known.store, others


def parse(arguments: list[str] | None) -> Options:
    """Return the options; flags win over the environment. Exits with a sentence when one is missing or wrong."""
    parser = argparse.ArgumentParser(
        prog="axons-runner",
        description="Claim and run the jobs of one pool. With `doctor` as the first word it looks at what that needs "
        "(--store names the object store too), with `healthy` whether the runner here still turns.",
    )
    parser.add_argument("--service", default=os.environ.get("AXONS_SERVICE_URL"), help="URL of the service")
    parser.add_argument(
        "--pool-token-file",
        type=Path,
        default=os.environ.get("AXONS_POOL_TOKEN_FILE"),
        help="file with the pool's token (or the token itself in AXONS_POOL_TOKEN; on a machine that the service "
        "started, its own in AXONS_ENROLMENT_TOKEN)",
    )
    parser.add_argument("--name", default=os.environ.get("AXONS_RUNNER_NAME") or socket.gethostname())
    parser.add_argument("--cache-dir", type=Path, default=os.environ.get("AXONS_CACHE_DIR") or default_cache_dir())
    parser.add_argument("--slots", default=os.environ.get("AXONS_RUNNER_SLOTS") or ",".join(SLOTS))
    parser.add_argument("--threads", type=int, default=DEFAULT_THREADS, help="threads of each slot's process")
    parser.add_argument(
        "--embedding-cache-bytes",
        type=int,
        default=os.environ.get("AXONS_EMBEDDING_CACHE_BYTES") or EMBEDDING_CACHE_BYTES,
        help="how much disk the embeddings of pictures may take, to be reused by the next training",
    )
    parser.add_argument(
        "--weights-list",
        type=Path,
        default=os.environ.get("AXONS_WEIGHTS_LIST") or None,
        help="JSON file with address and SHA-256 of the weights of torchvision's networks, on a mirror of yours",
    )
    parser.add_argument(
        "--training-processes",
        type=int,
        default=os.environ.get("AXONS_TRAINING_PROCESSES") or 1,
        help="how many processes share one training's batches; on GPUs, at most one for each",
    )
    given = parser.parse_args(arguments)
    slots = tuple(name.strip() for name in given.slots.split(",") if name.strip())
    if not given.service:
        parser.error("--service (or AXONS_SERVICE_URL) is needed.")
    if not slots or set(slots) - set(SLOTS) or len(set(slots)) < len(slots):
        parser.error(f"--slots takes {' and '.join(SLOTS)}, separated by a comma; you gave “{given.slots}”.")
    if given.embedding_cache_bytes < SMALLEST_EMBEDDING_CACHE:
        parser.error(
            f"--embedding-cache-bytes takes at least {SMALLEST_EMBEDDING_CACHE} (1 MiB); "
            f"you gave {given.embedding_cache_bytes}."
        )
    if given.training_processes < 1:
        parser.error(f"--training-processes takes at least 1; you gave {given.training_processes}.")
    token = os.environ.get("AXONS_POOL_TOKEN", "")
    if given.pool_token_file is not None:
        try:
            token = Path(given.pool_token_file).read_text()
        except OSError as error:
            parser.error(f"The pool token's file cannot be read: {error}")
    enrolment = "" if token.strip() else os.environ.get("AXONS_ENROLMENT_TOKEN", "").strip()
    if enrolment:
        token = secrets.token_urlsafe(32)
    if not token.strip():
        parser.error("--pool-token-file (or AXONS_POOL_TOKEN) is needed and must not be empty.")
    return Options(
        given.service,
        token.strip(),
        given.name,
        Path(given.cache_dir),
        slots,
        given.threads,
        given.embedding_cache_bytes,
        given.training_processes,
        given.weights_list,
        enrolment,
    )
