"""Settings of the demo LMS: the workbench's, with our data directory, services and pages."""

import os
from pathlib import Path

from workbench.settings import *  # noqa: F403
from workbench.settings import INSTALLED_APPS as WORKBENCH_APPS

from axons_demo.home import Home
from axons_demo.keys import load_or_create

_home = Home(Path(os.environ["AXONS_DEMO_HOME"]))
_keys = load_or_create(_home.keys)
_port = int(os.environ["AXONS_DEMO_LMS_PORT"])
_service = os.environ["AXONS_DEMO_SERVICE_URL"]

DEBUG = False
SECRET_KEY = _keys.secrets["lms_secret"]
ALLOWED_HOSTS = ["127.0.0.1", "localhost"]
ROOT_URLCONF = "axons_demo.lms.urls"
WSGI_APPLICATION = None
# The platform's absolute handler URLs are made of these two (lms/djangoapps/lms_xblock/runtime.py).
SITE_NAME = f"127.0.0.1:{_port}"
HTTPS = "off"
TIME_ZONE = "UTC"
USE_TZ = True
LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English")]

INSTALLED_APPS = ["axons_demo.lms", "django.contrib.humanize", *WORKBENCH_APPS]
MIDDLEWARE = [
    "django.middleware.common.CommonMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.contrib.auth.context_processors.auth",
                "django.template.context_processors.request",
                "django.template.context_processors.static",
                "django.contrib.messages.context_processors.messages",
                "axons_demo.lms.pages.shell",
            ]
        },
    }
]
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": str(_home.lms / "lms.sqlite3"),
        "OPTIONS": {
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
        },
    }
}
SESSION_COOKIE_NAME = "demo_lms_session"
DJFS = {"type": "osfs", "directory_root": str(_home.lms / "files"), "url_root": "/static/files"}
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": "INFO"},
}
EXCLUDED_XBLOCKS: set[str] = set()
WORKBENCH = {"reset_state_on_restart": False, "services": {}}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

XBLOCK_SETTINGS = {
    "axons": {
        "SERVICE_URL": _service,
        "SERVICE_PUBLIC_URL": _service,
        "SITE": "demo",
        "KEY_ID": "demo-1",
        "PRIVATE_KEY": _keys.site_private.read_text(),
        "SERVICE_PUBLIC_KEY": _keys.service_public.read_text(),
        "TIMEOUT_SECONDS": 10,
    }
}
