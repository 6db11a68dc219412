"""Bring the tables of docs/api.md up to date."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand

from axons_service.operations.api_page import api_page


class Command(BaseCommand):
    help = "Write the tables of operations and problem codes into a page that has their markers."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("page", type=Path)

    def handle(self, *args: Any, **options: Any) -> None:
        page: Path = options["page"]
        page.write_text(api_page(page.read_text(encoding="utf-8")), encoding="utf-8")
