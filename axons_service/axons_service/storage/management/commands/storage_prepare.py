"""`axons-service storage_prepare`: bucket and CORS rules, at every start."""

from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from axons_service.storage import objects
from axons_service.storage.services import storage_prepare


class Command(BaseCommand):
    help = "Create the bucket when it is absent and put its CORS rules. Idempotent; run it after site_register."

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            created = storage_prepare(origins=settings.AXONS_ALLOWED_ORIGINS)
        except (BotoCoreError, ClientError) as error:
            endpoint = settings.AXONS_S3["endpoint"]
            raise CommandError(f"The object store at {endpoint} cannot be prepared: {error}") from error
        self.stdout.write(f"bucket {objects.bucket()} {'created' if created else 'is there'}, CORS rules are put")
