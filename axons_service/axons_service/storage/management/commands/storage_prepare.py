"""`axons-service storage_prepare`: bucket, CORS and lifecycle rules, at every start."""

from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from axons_service.operations.retention.ownership import bucket_is_ours, bucket_take
from axons_service.storage import objects
from axons_service.storage.lifecycle import lifecycle_put
from axons_service.storage.services import storage_prepare


class Command(BaseCommand):
    help = "Create the bucket when absent; put its CORS and lifecycle rules. Idempotent; run it after site_register."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--take-over", action="store_true", help="the bucket's former database is gone: this one knows its garbage"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            created = storage_prepare(origins=settings.AXONS_ALLOWED_ORIGINS)
            ruled = lifecycle_put()
            if options["take_over"]:
                bucket_take()
            ours = bucket_is_ours()
        except (BotoCoreError, ClientError) as error:
            endpoint = settings.AXONS_S3["endpoint"]
            raise CommandError(f"The object store at {endpoint} cannot be prepared: {error}") from error
        found = "created" if created else "is there"
        rules = "lifecycle rules are put" if ruled else "no lifecycle rules here: the sweeper does their work"
        self.stdout.write(f"bucket {objects.bucket()} {found}, CORS rules are put, {rules}")
        if not ours:
            self.stderr.write(
                "This bucket belongs to another database: nothing in it is taken for garbage. "
                "If that database is gone for good, run this once with --take-over."
            )
