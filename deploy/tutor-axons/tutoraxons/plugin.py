"""Axons beside a Tutor site: what is rendered, which values are made once, and what `init` does."""

from importlib.resources import files

from Crypto.PublicKey import ECC
from tutor import hooks

VERSION = "0.1.0"
HERE = files("tutoraxons")


def private_key(_: object) -> str:
    """A new Ed25519 key as PEM (PKCS 8). A filter, so that Tutor calls it when a value is made, and only then."""
    return ECC.generate(curve="Ed25519").export_key(format="PEM") + "\n"


def public_key(private: str) -> str:
    """The public half of a private key, as PEM."""
    return ECC.import_key(private).public_key().export_key(format="PEM") + "\n"


hooks.Filters.ENV_TEMPLATE_FILTERS.add_items([("axons_private_key", private_key), ("axons_public_key", public_key)])

hooks.Filters.CONFIG_DEFAULTS.add_items(
    [
        ("AXONS_VERSION", VERSION),
        ("AXONS_XBLOCK_REQUIREMENT", "axons-xblock=={{ AXONS_VERSION }}"),
        ("AXONS_DOCKER_IMAGE", "axons-service:{{ AXONS_VERSION }}"),
        ("AXONS_HOST", "axons.{{ LMS_HOST }}"),
        ("AXONS_S3_HOST", "s3.{{ AXONS_HOST }}"),
        ("AXONS_SITE", "lms"),
        ("AXONS_KEY_ID", "lms-1"),
        ("AXONS_RUN_POSTGRES", True),
        ("AXONS_RUN_RABBITMQ", True),
        ("AXONS_RUN_S3", True),
        ("AXONS_RUN_CPU_RUNNER", True),
        ("AXONS_RUNNER_IMAGE", "ghcr.io/mupacif/axons-ovh:{{ AXONS_VERSION }}"),
        ("AXONS_RUNNER_CPUS", "2"),
        ("AXONS_RUNNER_MEMORY", "2G"),
        ("AXONS_DEPLOYMENT", ""),
        ("AXONS_POSTGRES_IMAGE", "docker.io/postgres:17.6-bookworm"),
        ("AXONS_RABBITMQ_IMAGE", "docker.io/rabbitmq:4.1.4"),
        ("AXONS_S3_IMAGE", "docker.io/chrislusf/seaweedfs:3.97"),
        ("AXONS_DATABASE_URL", "postgres://axons:{{ AXONS_POSTGRES_PASSWORD }}@axons-postgres:5432/axons"),
        ("AXONS_BROKER_URL", "amqp://axons:{{ AXONS_RABBITMQ_PASSWORD }}@axons-rabbitmq:5672//"),
        ("AXONS_S3_ENDPOINT", "http://axons-s3:8333"),
        ("AXONS_S3_PUBLIC_URL", "{% if ENABLE_HTTPS %}https{% else %}http{% endif %}://{{ AXONS_S3_HOST }}"),
        ("AXONS_PUBLIC_URL", "{% if ENABLE_HTTPS %}https{% else %}http{% endif %}://{{ AXONS_HOST }}"),
        ("AXONS_S3_BUCKET", "axons"),
        ("AXONS_S3_REGION", "us-east-1"),
        ("AXONS_S3_ACCESS_KEY", "axons"),
    ]
)
# Made by the first `config save` and kept.
hooks.Filters.CONFIG_UNIQUE.add_items(
    [
        ("AXONS_SECRET_KEY", "{{ 50|random_string }}"),
        ("AXONS_POSTGRES_PASSWORD", "{{ 24|random_string }}"),
        ("AXONS_RABBITMQ_PASSWORD", "{{ 24|random_string }}"),
        ("AXONS_S3_SECRET_KEY", "{{ 40|random_string }}"),
        ("AXONS_METRICS_TOKEN", "{{ 40|random_string }}"),
        ("AXONS_POOL_TOKEN", "{{ 40|random_string }}"),
        ("AXONS_LMS_PRIVATE_KEY", "{{ ''|axons_private_key }}"),
        ("AXONS_SERVICE_PRIVATE_KEY", "{{ ''|axons_private_key }}"),
    ]
)

hooks.Filters.ENV_TEMPLATE_ROOTS.add_item(str(HERE / "templates"))
hooks.Filters.ENV_TEMPLATE_TARGETS.add_item(("axons", "apps"))
for patch in (HERE / "patches").iterdir():
    hooks.Filters.ENV_PATCHES.add_item((patch.name, patch.read_text(encoding="utf-8")))
hooks.Filters.CLI_DO_INIT_TASKS.add_item(("axons", (HERE / "tasks" / "init.sh").read_text(encoding="utf-8")))
hooks.Filters.APP_PUBLIC_HOSTS.add_items(["{{ AXONS_HOST }}", "{{ AXONS_S3_HOST }}"])
