"""Checks of the servers behind the service: database, broker and object store, and that their clocks agree."""

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from botocore.exceptions import BotoCoreError, ClientError
from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone
from kombu.connection import Connection

from axons_service import broker
from axons_service.celery import app
from axons_service.operations.doctor.findings import Finding, fail, ok, warn
from axons_service.sites.models import Site
from axons_service.storage import objects

SKEW_NOTED, SKEW_REFUSED = 2.0, 30.0  # seconds; requests are signed for 60 and may be 30 early or late
BROKER_SECONDS = 3.0
FIX_DATABASE = "Start the database, and see that AXONS_DATABASE_URL has its address, name, user and password."
FIX_STORE = "See that AXONS_S3_ENDPOINT, AXONS_S3_ACCESS_KEY, AXONS_S3_SECRET_KEY and AXONS_S3_BUCKET are right."


def database_check() -> Iterator[Finding]:
    """It answers, is migrated, and its clock agrees with ours."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT CURRENT_TIMESTAMP")
            (moment,) = cursor.fetchone()
        executor = MigrationExecutor(connection)
        plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    except DatabaseError as error:
        yield fail("database", f"it does not answer: {str(error).strip()}", FIX_DATABASE)
        return
    if plan:
        first = f"{plan[0][0].app_label}.{plan[0][0].name}"
        text = f"{len(plan)} migrations are not applied, the first is {first}."
        yield fail("database", text, "Run `axons-service migrate`.")
    else:
        yield ok("database", f"{connection.vendor} answers and is migrated")
    if isinstance(moment, datetime):
        yield clock("database", moment, "the database's host")


def clock(part: str, theirs: datetime, where: str) -> Finding:
    """Whether another clock agrees with this one."""
    skew = (timezone.now() - theirs).total_seconds()
    text = f"this clock is {abs(skew):.1f} s {'ahead of' if skew > 0 else 'behind'} that of {where}"
    fix = f"Run an NTP client (chrony, systemd-timesyncd) on this host and on {where}."
    if abs(skew) > SKEW_REFUSED:
        return fail("clock", f"{text}: signed requests are refused.", fix)
    return warn("clock", f"{text}.", fix) if abs(skew) > SKEW_NOTED else ok("clock", f"agrees with {where}")


def broker_check() -> Iterator[Finding]:
    """It takes messages, and somebody reads them."""
    url = settings.CELERY_BROKER_URL
    try:
        with Connection(url, connect_timeout=BROKER_SECONDS) as link:
            link.ensure_connection(max_retries=1, timeout=BROKER_SECONDS)
            if broker.keeps_dead_letters(url):
                broker.dead_queue_declare(link)
    except Exception as error:  # each transport has its own
        fix = "Start the broker, and see that AXONS_BROKER_URL has its address, user and password."
        yield fail("broker", f"it does not answer at {url}: {type(error).__name__}.", fix)
        return
    yield ok("broker", "answers")
    try:
        workers = app.control.ping(timeout=2.0)
    except Exception:
        workers = []
    if workers:
        yield ok("worker", f"{len(workers)} answer")
    else:
        fix = "Start one: celery -A axons_service worker --queues control,prepare,deliver, and one with --beat."
        yield fail("worker", "no worker answers: jobs wait and grades are not delivered.", fix)


def store_check() -> Iterator[Finding]:
    """An object can be put, read and deleted, browsers may do so from every LMS, and the store's clock agrees."""
    key, text = f"tmp/doctor/{uuid.uuid4().hex}", b"axons doctor"
    try:
        answer = objects.client(patient=False).put_object(Bucket=objects.bucket(), Key=key, Body=text)
        read = objects.get_bytes(key)
        objects.delete([key], patient=False)
    except (BotoCoreError, ClientError, OSError) as error:
        yield _store_fault(error)
        return
    if read != text:
        fix = "See what stands between this host and the store: a cache or a proxy that changes what it carries."
        yield fail("object store", "an object came back changed.", fix)
        return
    yield ok("object store", f"put, get and delete work in bucket {objects.bucket()}")
    sent = answer["ResponseMetadata"]["HTTPHeaders"].get("date")
    if sent:
        yield clock("clock", parsedate_to_datetime(sent).astimezone(UTC), "the object store")
    yield _cors()


def _store_fault(error: Exception) -> Finding:
    if not isinstance(error, ClientError):
        return fail("object store", f"{settings.AXONS_S3['endpoint']} does not answer: {error}", FIX_STORE)
    code = error.response.get("Error", {}).get("Code", "")
    match code:
        case "NoSuchBucket":
            return fail(
                "object store", f"there is no bucket {objects.bucket()}.", "Run `axons-service storage_prepare`."
            )
        case "RequestTimeTooSkewed":
            return fail("clock", "the store refuses this host's clock.", "Run an NTP client on this host.")
        case "AccessDenied" | "SignatureDoesNotMatch" | "InvalidAccessKeyId":
            fix = f"{FIX_STORE} The key needs reading, writing, listing and deleting in the bucket."
            return fail("object store", f"it refuses our key ({code}).", fix)
    return fail("object store", f"it refuses a request: {code or error}", FIX_STORE)


def _cors() -> Finding:
    wanted = set(settings.AXONS_ALLOWED_ORIGINS)
    for origins in Site.objects.filter(is_active=True).values_list("origins", flat=True):
        wanted |= set(origins)
    fix = "Run `axons-service storage_prepare`, after every `site_register`."
    try:
        rules = objects.client(patient=False).get_bucket_cors(Bucket=objects.bucket())["CORSRules"]
    except (BotoCoreError, ClientError):
        rules = []
    allowed = {origin for rule in rules if "PUT" in rule["AllowedMethods"] for origin in rule["AllowedOrigins"]}
    missing = sorted(wanted - allowed) if "*" not in allowed else []
    if missing:
        return fail("CORS", f"browsers from {', '.join(missing)} may not upload pictures to the store.", fix)
    return ok("CORS", f"the store lets in browsers from {len(wanted)} origins")
