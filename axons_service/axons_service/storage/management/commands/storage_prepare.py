"""`axons-service storage_prepare`: bucket, CORS and lifecycle rules, at every start."""

from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from axons_service.storage import objects
from axons_service.storage.lifecycle import lifecycle_put
from axons_service.storage.services import storage_prepare


class Command(BaseCommand):
    help = "Create the bucket when absent; put its CORS and lifecycle rules. Idempotent; run it after site_register."

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            created = storage_prepare(origins=settings.AXONS_ALLOWED_ORIGINS)
            ruled = lifecycle_put()
        except (BotoCoreError, ClientError) as error:
            endpoint = settings.AXONS_S3["endpoint"]
            raise CommandError(f"The object store at {endpoint} cannot be prepared: {error}") from error
        found = "created" if created else "is there"
        rules = "lifecycle rules are put" if ruled else "no lifecycle rules here: the sweeper does their work"
        self.stdout.write(f"bucket {objects.bucket()} {found}, CORS rules are put, {rules}")
