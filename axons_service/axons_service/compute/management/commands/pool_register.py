"""Register a pool of compute, with the token that its runners claim with."""

import json
import os
import secrets
from argparse import ArgumentParser, ArgumentTypeError
from decimal import Decimal
from pathlib import Path
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError

from axons_service.compute.models import Pool
from axons_service.compute.services import pool_register
from axons_service.compute.windows import windows_parse

NONE = "none"
WINDOW = '"mon-fri 07:45-12:00 20 Europe/Paris"'
LIMITS = (
    "price_per_hour",
    "currency",
    "billing_unit_seconds",
    "budget_per_day",
    "spare_runners",
    "target_wait_seconds",
    "idle_seconds",
    "cool_down_seconds",
    "start_timeout_seconds",
)


class Command(BaseCommand):
    help = "Create a pool or update the one of this name. The token file is made (mode 0600) when it is absent."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--name", required=True, help="what specs call it, e.g. cpu")
        parser.add_argument("--title", required=True, help="what authors read")
        parser.add_argument("--provider", required=True, choices=list(Pool.Provider.values))
        parser.add_argument("--min-runners", type=int, default=0, help="kept warm (default 0)")
        parser.add_argument("--max-runners", type=int, default=1, help="at most so many (default 1)")
        parser.add_argument("--price", dest="price_per_hour", type=Decimal, help="of a machine-hour while it is billed")
        parser.add_argument("--currency", help="three letters (default EUR)")
        parser.add_argument("--billing-unit", dest="billing_unit_seconds", type=int, help="seconds paid once begun")
        parser.add_argument("--budget", dest="budget_per_day", type=budget, help="money a UTC day, or none")
        parser.add_argument("--window", action="append", type=window, help="lesson hours, repeatable: " + WINDOW)
        parser.add_argument("--spare", dest="spare_runners", type=int, help="free machines beside those that train")
        parser.add_argument("--target-wait", dest="target_wait_seconds", type=int, help="seconds that work may wait")
        parser.add_argument("--idle", dest="idle_seconds", type=int, help="seconds until an idle machine is stopped")
        parser.add_argument("--cool-down", dest="cool_down_seconds", type=int, help="after a start no stop for so long")
        parser.add_argument(
            "--start-timeout", dest="start_timeout_seconds", type=int, help="seconds, then it is given back"
        )
        parser.add_argument(
            "--fallback", metavar="POOL", action="append", help="where jobs go that it has no machine for, or none"
        )
        parser.add_argument(
            "--option",
            metavar="NAME=VALUE",
            action="append",
            type=option,
            default=[],
            help="of the provider",
        )
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
        limits = {name: options[name] for name in LIMITS if options[name] is not None}
        if options["window"] is not None:
            limits["warm_windows"] = options["window"]
        if "budget_per_day" in limits and limits["budget_per_day"] == NONE:
            limits["budget_per_day"] = None
        try:
            pool = pool_register(
                name=options["name"],
                title=options["title"],
                provider=options["provider"],
                token=token,
                min_runners=least,
                max_runners=most,
                options={
                    **({"pool_token_file": str(path)} if path is not None else {}),
                    **dict(options["option"]),
                    **({"fallback_pools": fallback(options)} if options["fallback"] is not None else {}),
                },
                limits=limits,
            )
        except ValidationError as error:
            faults = (f"{name}: {' '.join(texts)}" for name, texts in error.message_dict.items())
            raise CommandError(" ".join(faults)) from error
        self.stdout.write(f"Pool {pool.name}: {pool.provider}, {least} to {most} runners.")


def fallback(options: dict[str, Any]) -> list[str] | None:
    """The pools that take over, in their order; None to forget them."""
    names: list[str] = options["fallback"]
    if names == [NONE]:
        return None
    missing = sorted(set(names) - set(Pool.objects.filter(name__in=names).values_list("name", flat=True)))
    if missing or options["name"] in names:
        wrong = ", ".join(missing) or options["name"]
        raise CommandError(f"--fallback {wrong}: name other pools that are registered, each with a flag of its own.")
    return names


def budget(text: str) -> Decimal | str:
    """Money, or the word none."""
    return NONE if text == NONE else Decimal(text)


def window(text: str) -> dict[str, Any]:
    """Lesson hours of four words, the zone may be left out. Raises ArgumentTypeError with the sentence."""
    days, _, rest = text.partition(" ")
    hours, _, rest = rest.partition(" ")
    runners, _, zone = rest.partition(" ")
    since, _, until = hours.partition("-")
    found = {"days": days, "from": since, "until": until, "runners": int(runners) if runners.isdecimal() else runners}
    found |= {"zone": zone.strip()} if zone.strip() else {}
    try:
        windows_parse([found])
    except ValueError as error:
        raise ArgumentTypeError(f"{error} As a flag: {WINDOW}") from error
    return found


def option(text: str) -> tuple[str, Any]:
    """A provider's option; what is JSON is taken as such, `null` forgets it."""
    name, separator, value = text.partition("=")
    if not separator or not name:
        raise ArgumentTypeError(f"--option takes NAME=VALUE, not {text!r}.")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


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
