"""Register a pool of compute, with the token that its runners claim with."""

import os
import secrets
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from axons_service.compute.models import Pool
from axons_service.compute.services import pool_register


class Command(BaseCommand):
    help = "Create a pool or update the one of this name. The token file is made (mode 0600) when it is absent."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--name", required=True, help="what specs call it, e.g. cpu")
        parser.add_argument("--title", required=True, help="what authors read")
        parser.add_argument("--provider", required=True, choices=list(Pool.Provider.values))
        parser.add_argument("--min-runners", type=int, default=0, help="kept warm (default 0)")
        parser.add_argument("--max-runners", type=int, default=1, help="at most so many (default 1)")
        parser.add_argument("--token-file", type=Path, help="file with the pool token; runners read the same file")

    def handle(self, *args: Any, **options: Any) -> None:
        least, most = options["min_runners"], options["max_runners"]
        if not 0 <= least <= most:
            raise CommandError("--min-runners must be between 0 and --max-runners.")
        path: Path | None = options["token_file"]
        if path is None:
            if options["provider"] == Pool.Provider.LOCAL:
                raise CommandError("A local pool needs --token-file: its runners read their token there.")
            token = secrets.token_urlsafe(32)
            self.stdout.write(f"Pool token (shown once): {token}")
        else:
            path = path.resolve()
            token = token_from(path)
        pool = pool_register(
            name=options["name"],
            title=options["title"],
            provider=options["provider"],
            token=token,
            min_runners=least,
            max_runners=most,
            options={"pool_token_file": str(path)} if path is not None else {},
        )
        self.stdout.write(f"Pool {pool.name}: {pool.provider}, {least} to {most} runners.")


def token_from(path: Path) -> str:
    """The token in the file; a new one is written, readable by its owner alone, when there is no file."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        token = path.read_text().strip()
        if len(token) < 32:
            raise CommandError(f"{path} holds no token: 32 characters at least. Remove it to get a new one.") from None
        return token
    token = secrets.token_urlsafe(32)
    with os.fdopen(descriptor, "w") as file:
        file.write(token + "\n")
    return token
