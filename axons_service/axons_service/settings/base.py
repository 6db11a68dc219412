"""Settings shared by every deployment. Only what differs stands in `embedded.py` and `production.py`."""

import os
from pathlib import Path

import dj_database_url

from axons_service.jobs.deadlines import stall_limits

BASE_DIR = Path(__file__).resolve().parent.parent


def env(name: str, default: str | None = None) -> str:
    """The environment's value of `name`; without one and without a default the start stops with a sentence."""
    value = os.environ.get(name, default)
    if value is None:
        raise SystemExit(f"axons-service: the environment variable {name} is not set. Set it and start again.")
    return value


def env_list(name: str, default: str = "") -> list[str]:
    """A comma-separated environment value as a list, without empty items."""
    return [item.strip() for item in env(name, default).split(",") if item.strip()]


DEBUG = False
SECRET_KEY = env("AXONS_SECRET_KEY")
ALLOWED_HOSTS = env_list("AXONS_ALLOWED_HOSTS", "127.0.0.1,localhost")
ROOT_URLCONF = "axons_service.urls"
ASGI_APPLICATION = "axons_service.asgi.application"
USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
STATIC_URL = "/static/"
STATIC_ROOT = env("AXONS_STATIC_ROOT", str(BASE_DIR / "staticfiles"))

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "corsheaders",
    "rest_framework",
    "drf_spectacular",
    "axons_service.operations",
    "axons_service.storage",
    "axons_service.sites",
    "axons_service.exercises",
    "axons_service.training_sets",
    "axons_service.jobs",
    "axons_service.grading",
    "axons_service.compute",
]

MIDDLEWARE = [
    "axons_service.operations.cors.SiteCorsMiddleware",
    "axons_service.operations.etags.etags",
    # Django's own, without a thread for each (see the module).
    "axons_service.operations.middleware.Security",
    "axons_service.operations.middleware.StaticFiles",
    "axons_service.operations.middleware.Sessions",
    "axons_service.operations.middleware.Common",
    "axons_service.operations.middleware.Csrf",
    "axons_service.operations.middleware.Authentication",
    "axons_service.operations.middleware.Messages",
    "axons_service.operations.middleware.FrameOptions",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

DATABASES = {"default": dj_database_url.parse(env("AXONS_DATABASE_URL"), conn_max_age=60, conn_health_checks=True)}
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    # WAL lets readers go on beside the one writer; IMMEDIATE takes the write lock at BEGIN, so that a
    # transaction never fails half-way with "database is locked".
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 30,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA foreign_keys=ON;",
    }
else:
    # Under ASGI every request has a thread of its own, and a connection that lives with a thread would be made anew
    # for each: fork, SCRAM and settings cost more than the request. The process keeps a pool instead.
    DATABASES["default"]["CONN_MAX_AGE"] = 0
    DATABASES["default"]["OPTIONS"] = {
        "pool": {"min_size": 1, "max_size": int(env("AXONS_DATABASE_CONNECTIONS", "20")), "timeout": 15}
    }

REST_FRAMEWORK = {
    # Closed by default: a view that forgets its classes still wants a signed request; browsers' tokens only read.
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "axons_service.sites.authentication.XBlockAuthentication",
        "axons_service.sites.authentication.BrowserAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["axons_service.sites.permissions.IsCaller"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["axons_service.operations.http.StrictJSONParser"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "axons_service.operations.http.JSONAlways",
    "DEFAULT_THROTTLE_CLASSES": ["axons_service.operations.throttles.CallerThrottle"],
    "EXCEPTION_HANDLER": "axons_service.operations.problems.problem_handler",
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "UNAUTHENTICATED_USER": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Axons service",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "DESCRIPTION": "Training sets, jobs, models and grades for AI exercises in Open edX.",
    "SERVE_INCLUDE_SCHEMA": False,
    "COMPONENT_SPLIT_REQUEST": True,
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "axons_service.operations.contract.contract_apply",
    ],
    "ENUM_NAME_OVERRIDES": {
        "JobKindEnum": "axons_service.jobs.models.Job.Kind",
        "JobStateEnum": "axons_service.jobs.models.Job.State",
        "EventKindEnum": "axons_service.jobs.schemas.EVENT_KINDS",
        "RunnerEventKindEnum": ["metrics", "resources", "log", "progress"],
        "SlotEnum": ["training", "inference"],
        "TrainingSetKindEnum": ["starter", "project"],
        "TrainingSetStateEnum": "axons_service.training_sets.models.TrainingSet.State",
        "SubmissionStateEnum": "axons_service.grading.models.Submission.State",
        "DuplicateKindEnum": ["set", "weights", "curve"],
        "DeskTaskKindEnum": "axons_service.grading.models.DeskTask.Kind",
        "DeskTaskStateEnum": "axons_service.grading.models.DeskTask.State",
        "TrashKindEnum": "axons_service.storage.models.Trash.Kind",
        "TrashStateEnum": ["in_trash", "restored", "deleted"],
        "TrashReasonEnum": "axons_service.storage.models.Trash.Reason",
        "UploadStateEnum": ["waiting", "arrived"],
    },
}

# Celery: short control tasks only. Published after commit; the reconciler finds what was lost.
CELERY_BROKER_URL = env("AXONS_BROKER_URL")
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_TASK_SOFT_TIME_LIMIT = 300
CELERY_TASK_TIME_LIMIT = 360
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TASK_DEFAULT_QUEUE = "control"
CELERY_TASK_ROUTES = {
    "axons_service.training_sets.tasks.*": {"queue": "prepare"},
    "axons_service.grading.tasks.*": {"queue": "deliver"},
    "axons_service.jobs.tasks.archive_jobs": {"queue": "prepare"},
}
CELERY_BEAT_SCHEDULE = {
    "reconcile-jobs": {"task": "axons_service.jobs.tasks.reconcile", "schedule": 10.0, "options": {"expires": 10}},
    "tidy-turns": {"task": "axons_service.jobs.tasks.tidy_turns", "schedule": 30.0, "options": {"expires": 30}},
    "scale-pools": {"task": "axons_service.compute.tasks.scale_pools", "schedule": 10.0, "options": {"expires": 10}},
    "prepare-lost": {
        "task": "axons_service.training_sets.tasks.prepare_lost",
        "schedule": 15.0,
        "options": {"expires": 15},
    },
    "deliver-due-grades": {
        "task": "axons_service.grading.tasks.deliver_due_grades",
        "schedule": 10.0,
        "options": {"expires": 10},
    },
    "sweep": {"task": "axons_service.operations.tasks.sweep", "schedule": 300.0, "options": {"expires": 300}},
    "archive-jobs": {"task": "axons_service.jobs.tasks.archive_jobs", "schedule": 60.0, "options": {"expires": 60}},
}

# Object store: S3 only.
AXONS_S3 = {
    "endpoint": env("AXONS_S3_ENDPOINT"),
    "public_endpoint": env("AXONS_S3_PUBLIC_ENDPOINT", env("AXONS_S3_ENDPOINT")),
    "access_key": env("AXONS_S3_ACCESS_KEY"),
    "secret_key": env("AXONS_S3_SECRET_KEY"),
    "bucket": env("AXONS_S3_BUCKET", "axons"),
    "region": env("AXONS_S3_REGION", "us-east-1"),
}
STORAGES = {
    "default": {
        "BACKEND": "storages.backends.s3.S3Storage",
        "OPTIONS": {
            "endpoint_url": AXONS_S3["endpoint"],
            "access_key": AXONS_S3["access_key"],
            "secret_key": AXONS_S3["secret_key"],
            "bucket_name": AXONS_S3["bucket"],
            "region_name": AXONS_S3["region"],
            "addressing_style": "path",
            "signature_version": "s3v4",
            "default_acl": None,
            "querystring_expire": 3600,
        },
    },
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedStaticFilesStorage"},
}

AXONS_PUBLIC_URL = env("AXONS_PUBLIC_URL", "http://127.0.0.1:8000")
AXONS_INTERNAL_URL = env("AXONS_INTERNAL_URL", AXONS_PUBLIC_URL)
AXONS_ALLOWED_ORIGINS = env_list("AXONS_ALLOWED_ORIGINS")
# Exact origins, no cookies: the LMS and Studio. Origins of registered sites are added by the middleware.
CORS_ALLOWED_ORIGINS = AXONS_ALLOWED_ORIGINS
CORS_URLS_REGEX = r"^/api/v1/"
CORS_ALLOW_METHODS = ["GET", "HEAD", "OPTIONS"]
CORS_ALLOW_HEADERS = ["accept", "authorization", "if-none-match", "last-event-id"]
CORS_EXPOSE_HEADERS = ["ETag", "RateLimit", "RateLimit-Policy", "Retry-After"]
CORS_PREFLIGHT_MAX_AGE = 600
# Requests per seconds ("120/60"), or "off"; reads and writes apart. `pool`: claims; `attempt`: what one attempt sends.
AXONS_RATE_LIMITS = {
    name: env(f"AXONS_RATE_{name.upper()}", default)
    for name, default in {
        "learner_read": "1200/60",
        "learner_write": "240/60",
        "site_read": "120000/60",
        "site_write": "24000/60",
        "pool": "12000/60",
        "attempt": "1200/60",
    }.items()
}
# Requests are small JSON documents; pictures go straight to the object store.
DATA_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024
AXONS_SERVICE_PRIVATE_KEY_FILE = env("AXONS_SERVICE_PRIVATE_KEY_FILE")
AXONS_LEASE_SECONDS = float(env("AXONS_LEASE_SECONDS", "90"))
# How long a running attempt's work may stand still: seconds, and other seconds for a phase, like 600,fetching=900.
try:
    AXONS_STALL_SECONDS = stall_limits(env("AXONS_STALL_SECONDS", "600"))
except ValueError as error:
    raise SystemExit(f"axons-service: AXONS_STALL_SECONDS: {error}. An example: 600,fetching=900") from error
# A bearer token for GET /metrics; without one there are no metrics.
AXONS_METRICS_TOKEN = env("AXONS_METRICS_TOKEN", "")
# How long a finished job's events stay in the database: longer than any browser's read token lives.
AXONS_EVENTS_KEPT_SECONDS = float(env("AXONS_EVENTS_KEPT_SECONDS", "3600"))
AXONS_DATA_DIR = env("AXONS_DATA_DIR", "")
# Quotas, in bytes; 0 is no limit. A course's own policy (admin, `course_policy`) wins.
AXONS_LEARNER_QUOTA_BYTES = int(env("AXONS_LEARNER_QUOTA_BYTES", str(2 * 1024**3)))
AXONS_COURSE_QUOTA_BYTES = int(env("AXONS_COURSE_QUOTA_BYTES", str(200 * 1024**3)))
# An object that nothing names is garbage once it is older than this: never less than a day.
AXONS_ORPHAN_GRACE_HOURS = max(24.0, float(env("AXONS_ORPHAN_GRACE_HOURS", "48")))

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": env("AXONS_LOG_LEVEL", "INFO")},
}
