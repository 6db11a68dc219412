"""Settings shared by every deployment. Only what differs stands in `embedded.py` and `production.py`."""

import os
from pathlib import Path

from axons_service.settings.schema import Environment

BASE_DIR = Path(__file__).resolve().parent.parent


AXONS_ENVIRONMENT = environment = Environment(os.environ)

DEBUG = False
SECRET_KEY = environment.text("AXONS_SECRET_KEY", example="50 random characters")
ALLOWED_HOSTS = environment.hosts("AXONS_ALLOWED_HOSTS", "127.0.0.1,localhost")
ROOT_URLCONF = "axons_service.urls"
ASGI_APPLICATION = "axons_service.asgi.application"
USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
STATIC_URL = "/static/"
STATIC_ROOT = environment.text("AXONS_STATIC_ROOT", str(BASE_DIR / "staticfiles"))

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
    "axons_service.operations.logs.job_context",
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

DATABASES = {"default": environment.database("AXONS_DATABASE_URL")}
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
        **DATABASES["default"].get("OPTIONS", {}),  # such as sslmode, from the address
        # PostgreSQL keeps the plans of what a connection asks again and again; planning cost it half of its time.
        "server_side_binding": True,
        "prepare_threshold": 3,
        "pool": {
            "min_size": 1,
            "max_size": environment.integer("AXONS_DATABASE_CONNECTIONS", 20, least=1),
            "timeout": 15,
        },
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
        "LibrarySetKindEnum": ["starter", "hidden"],
        "TrashKindEnum": "axons_service.storage.models.Trash.Kind",
        "TrashStateEnum": ["in_trash", "restored", "deleted"],
        "TrashReasonEnum": "axons_service.storage.models.Trash.Reason",
        "UploadStateEnum": ["waiting", "arrived"],
    },
}

# Celery: short control tasks only. Published after commit; the reconciler finds what was lost.
CELERY_BROKER_URL = environment.broker("AXONS_BROKER_URL")
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
    # A regrade queues a grade for each submission: it must not wait behind them, nor its rescue.
    "axons_service.grading.tasks.run_desk_task": {"queue": "prepare"},
    "axons_service.grading.tasks.desk_tasks_lost": {"queue": "control"},
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
    "desk-tasks-lost": {
        "task": "axons_service.grading.tasks.desk_tasks_lost",
        "schedule": 10.0,
        "options": {"expires": 10},
    },
    "sweep": {"task": "axons_service.operations.tasks.sweep", "schedule": 300.0, "options": {"expires": 300}},
    "archive-jobs": {"task": "axons_service.jobs.tasks.archive_jobs", "schedule": 60.0, "options": {"expires": 60}},
}

# Object store: S3 only.
_s3_endpoint = environment.url("AXONS_S3_ENDPOINT")
AXONS_S3 = {
    "endpoint": _s3_endpoint,
    "public_endpoint": environment.url("AXONS_S3_PUBLIC_ENDPOINT", _s3_endpoint),
    "access_key": environment.text("AXONS_S3_ACCESS_KEY"),
    "secret_key": environment.text("AXONS_S3_SECRET_KEY"),
    "bucket": environment.text("AXONS_S3_BUCKET", "axons"),
    "region": environment.text("AXONS_S3_REGION", "us-east-1"),
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

AXONS_PUBLIC_URL = environment.url("AXONS_PUBLIC_URL", "http://127.0.0.1:8000")
AXONS_INTERNAL_URL = environment.url("AXONS_INTERNAL_URL", AXONS_PUBLIC_URL)
AXONS_ALLOWED_ORIGINS = environment.origins("AXONS_ALLOWED_ORIGINS")
# Exact origins, no cookies: the LMS and Studio. Origins of registered sites are added by the middleware.
CORS_ALLOWED_ORIGINS = AXONS_ALLOWED_ORIGINS
CORS_URLS_REGEX = r"^/api/v1/"
CORS_ALLOW_METHODS = ["GET", "HEAD", "OPTIONS"]
CORS_ALLOW_HEADERS = ["accept", "authorization", "if-none-match", "last-event-id"]
CORS_EXPOSE_HEADERS = ["ETag", "RateLimit", "RateLimit-Policy", "Retry-After"]
CORS_PREFLIGHT_MAX_AGE = 600
# Requests per seconds ("120/60"), or "off"; reads and writes apart. `pool`: claims; `attempt`: what one attempt sends.
AXONS_RATE_LIMITS = {
    name: environment.rate(f"AXONS_RATE_{name.upper()}", default)
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
AXONS_SERVICE_PRIVATE_KEY_FILE = environment.text("AXONS_SERVICE_PRIVATE_KEY_FILE", example="/secure/axons-service.pem")
AXONS_LEASE_SECONDS = environment.number("AXONS_LEASE_SECONDS", 90, least=1)
# How long a running attempt's work may stand still: seconds, and other seconds for a phase, like 600,fetching=900.
AXONS_STALL_SECONDS = environment.stalls("AXONS_STALL_SECONDS", "600")
# Networks whose weights the runners of this deployment have from a mirror; authors may choose them too.
AXONS_MORE_ARCHITECTURES = environment.choices(
    "AXONS_MORE_ARCHITECTURES", "", ("resnet18", "resnet50", "mobilenet_v3_large")
)
# A bearer token for GET /metrics; without one there are no metrics.
AXONS_METRICS_TOKEN = environment.text("AXONS_METRICS_TOKEN", "")
# How long a finished job's events stay in the database: longer than any browser's read token lives.
AXONS_EVENTS_KEPT_SECONDS = environment.number("AXONS_EVENTS_KEPT_SECONDS", 3600, least=0)
AXONS_DATA_DIR = environment.text("AXONS_DATA_DIR", "")
# In the labels of every machine; empty: what this database was given when it was made (`compute.deployment`).
AXONS_DEPLOYMENT = environment.label("AXONS_DEPLOYMENT")
# Quotas, in bytes; 0 is no limit. A course's own policy (admin, `course_policy`) wins.
AXONS_LEARNER_QUOTA_BYTES = environment.integer("AXONS_LEARNER_QUOTA_BYTES", 2 * 1024**3, least=0)
AXONS_COURSE_QUOTA_BYTES = environment.integer("AXONS_COURSE_QUOTA_BYTES", 200 * 1024**3, least=0)
# What one course may publish into the library, in bytes; 0 is no limit.
AXONS_COURSE_LIBRARY_BYTES = environment.integer("AXONS_COURSE_LIBRARY_BYTES", 20 * 1024**3, least=0)
# An object that nothing names is garbage once it is older than this: never less than a day.
AXONS_ORPHAN_GRACE_HOURS = environment.number("AXONS_ORPHAN_GRACE_HOURS", 48, least=24)

# `text` for people, `json` for machines: one object a line, with the job's id.
AXONS_LOG_LEVEL = environment.choice("AXONS_LOG_LEVEL", "INFO", ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"))
AXONS_LOG_FORMAT = environment.choice("AXONS_LOG_FORMAT", "text", ("text", "json"))
# Celery would put handlers of its own in place of these.
CELERY_WORKER_HIJACK_ROOT_LOGGER = False

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "text": {
            "()": "axons_service.operations.logs.LineFormatter",
            "format": "%(asctime)s %(levelname)s %(name)s %(message)s",
        },
        "json": {"()": "axons_service.operations.logs.JsonFormatter"},
    },
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": AXONS_LOG_FORMAT}},
    "root": {"handlers": ["console"], "level": AXONS_LOG_LEVEL},
}

environment.check()
