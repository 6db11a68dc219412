"""Checks of what needs no other machine: settings, keys and registered sites."""

import os
import stat
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from django.conf import settings

from axons_service.operations.doctor.findings import Finding, fail, ok, warn
from axons_service.sites.keys import public_key_load, service_private_key
from axons_service.sites.models import Site

SECRET_LENGTH = 32


def settings_check() -> Iterator[Finding]:
    """Values that start, and still are wrong."""
    before = list(_settings())
    yield from before or [ok("settings", "complete and of the right shape")]


def _settings() -> Iterator[Finding]:
    if len(settings.SECRET_KEY) < SECRET_LENGTH:
        fix = 'Set AXONS_SECRET_KEY to the output of: python -c "import secrets; print(secrets.token_urlsafe(48))"'
        yield fail("settings", f"AXONS_SECRET_KEY is shorter than {SECRET_LENGTH} characters.", fix)
    if settings.DEBUG:
        yield fail("settings", "DEBUG is on: errors show settings to everybody.", "Set DEBUG to False.")
    if "*" in settings.ALLOWED_HOSTS:
        fix = "Set AXONS_ALLOWED_HOSTS to the host names of this service, separated by commas."
        yield fail("settings", "AXONS_ALLOWED_HOSTS is *: any host name is believed.", fix)
    for name, url in (("AXONS_PUBLIC_URL", settings.AXONS_PUBLIC_URL), ("AXONS_S3_ENDPOINT", _s3("endpoint")),
                      ("AXONS_S3_PUBLIC_ENDPOINT", _s3("public_endpoint"))):  # fmt: skip
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            yield fail("settings", f"{name} is {url}, no address.", f"Set {name} to https://host, or http://host:port.")
        elif name != "AXONS_S3_ENDPOINT" and parts.scheme == "http" and not _is_near(parts.hostname):
            text = f"{name} is plain http: tokens and pictures cross the network in the open."
            yield warn("settings", text, f"Put a TLS proxy in front and set {name} to its https address.")
    host = urlsplit(settings.AXONS_PUBLIC_URL).hostname
    if host and not {host, "*"} & set(settings.ALLOWED_HOSTS):
        fix = f"Add {host} to AXONS_ALLOWED_HOSTS."
        yield fail("settings", f"AXONS_ALLOWED_HOSTS lacks {host}, the host of AXONS_PUBLIC_URL.", fix)
    for name, meant in settings.AXONS_ENVIRONMENT.misspelt().items():
        yield warn("settings", f"{name} is set, and nothing reads it.", f"Did you mean {meant}? Rename it.")
    if not settings.AXONS_METRICS_TOKEN:
        fix = "Set AXONS_METRICS_TOKEN to a long random value, and give it to Prometheus as its bearer token."
        yield warn("settings", "AXONS_METRICS_TOKEN is not set: there are no metrics and no alerts.", fix)


def keys_check() -> Iterator[Finding]:
    """The service's own key: it signs grades and browsers' tokens."""
    path = Path(settings.AXONS_SERVICE_PRIVATE_KEY_FILE)
    try:
        service_private_key()
        about = path.stat()
    except (RuntimeError, OSError, ValueError, TypeError):
        fix = "Run `axons-service keys_create`, or set AXONS_SERVICE_PRIVATE_KEY_FILE to an Ed25519 key in PEM form."
        yield fail("keys", f"{path} is not a private key that this process can read.", fix)
        return
    # a mounted Secret belongs to root and to this process's group: the group's right is how it is read at all
    others = stat.S_IRWXO | (stat.S_IRWXG if about.st_uid == os.geteuid() else 0)
    if about.st_mode & others:
        yield fail("keys", f"{path} can be read by others than its owner.", f"Run: chmod 600 {path}")
    else:
        yield ok("keys", f"the service's key {path} is in order")


def sites_check() -> Iterator[Finding]:
    """Every LMS needs a key that we can verify with, a host for its grades and an origin for its browsers."""
    sites = list(Site.objects.filter(is_active=True).prefetch_related("keys").order_by("slug"))
    if not sites:
        yield fail("sites", "no LMS is registered: every request is refused.", "Run `axons-service site_register`.")
    for site in sites:
        faults = []
        keys = [key for key in site.keys.all() if key.is_active]
        if not keys:
            faults.append("it has no active key")
        for key in keys:
            try:
                public_key_load(key.public_key)
            except ValueError:
                faults.append(f"its key {key.kid} is no Ed25519 public key")
        if not site.callback_hosts:
            faults.append("no host is allowed for its grades")
        if not site.origins:
            faults.append("no origin is allowed for its browsers")
        if faults:
            fix = f"Run `axons-service site_register --slug {site.slug}` with its key, callback host and origins."
            yield fail("sites", f"{site.slug}: {', '.join(faults)}.", fix)
        else:
            yield ok("sites", f"{site.slug} has a key, a host for grades and origins")


def _s3(name: str) -> str:
    return str(settings.AXONS_S3[name])


def _is_near(host: str) -> bool:
    try:
        address = ip_address(host)
    except ValueError:
        return host == "localhost" or "." not in host
    return address.is_loopback or address.is_private
