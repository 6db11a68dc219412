"""Checks of what is reached over the network: our own address, the LMS's callbacks, and the providers of pools."""

from collections.abc import Iterator
from urllib.parse import urlsplit

import requests
from django.conf import settings

from axons_service.compute.models import Pool, Runner
from axons_service.compute.providers import provider_of
from axons_service.compute.providers.base import ProviderError, Rejected
from axons_service.exercises.models import Project
from axons_service.operations.doctor.findings import Finding, fail, ok, warn
from axons_service.sites.models import Site

SECONDS = 5.0


def address_check() -> Iterator[Finding]:
    """Whether the address that browsers and runners are given leads to this service."""
    url = f"{settings.AXONS_PUBLIC_URL.rstrip('/')}/health/live"
    fix = "Start the web process, and see that AXONS_PUBLIC_URL is the address that browsers and runners use."
    try:
        answer = requests.get(url, timeout=SECONDS, allow_redirects=False)
    except requests.RequestException as error:
        yield fail("address", f"{url} does not answer: {type(error).__name__}.", fix)
        return
    if answer.status_code == 200 and "status" in answer.text:
        yield ok("address", f"{settings.AXONS_PUBLIC_URL} leads here")
    else:
        yield fail("address", f"{url} answers {answer.status_code}, not as this service does.", fix)


def callbacks_check() -> Iterator[Finding]:
    """Whether grades would arrive: the newest callback of each site is asked for, unsigned. Any answer will do."""
    for site in Site.objects.filter(is_active=True).order_by("slug"):
        newest = Project.objects.filter(exercise__site=site).exclude(callback_url="").order_by("-created_at").first()
        if newest is None:
            yield ok("callback", f"{site.slug} has no exercise yet, so there is nothing to reach")
            continue
        url = newest.callback_url
        parts = urlsplit(url)
        where = f"{parts.scheme}://{parts.netloc}"
        if parts.netloc not in site.callback_hosts:
            fix = f"Run `axons-service site_register --slug {site.slug}` with --callback-host {parts.netloc}."
            yield fail("callback", f"{site.slug}: {parts.netloc} is not allowed for its grades.", fix)
            continue
        fix = f"See that this host resolves and reaches {where}: DNS, firewall, proxy, TLS certificate."
        try:
            status = requests.get(url, timeout=SECONDS, allow_redirects=False).status_code
        except requests.exceptions.SSLError:
            yield fail("callback", f"{site.slug}: the certificate of {where} is not trusted here.", fix)
        except requests.RequestException as error:
            yield fail("callback", f"{site.slug}: {where} does not answer: {type(error).__name__}.", fix)
        else:
            if status >= 500:
                yield warn("callback", f"{site.slug}: {where} answers {status}.", f"Look into the log of {where}.")
            else:
                yield ok("callback", f"{site.slug}: {where} is reached")


def pools_check() -> Iterator[Finding]:
    """Whether every provider takes our credentials, asked as the scaler asks it."""
    pools = list(Pool.objects.filter(is_active=True).order_by("name"))
    if not pools:
        yield fail("pools", "there is no pool: no job ever runs.", "Run `axons-service pool_register`.")
    for pool in pools:
        part = f"pool {pool.name}"
        try:
            provider = provider_of(pool)
            machines = provider.machines()
        except Rejected as error:
            yield fail(part, f"{pool.provider} refuses: {error}", "Mend the pool's options or its credentials.")
        except ProviderError as error:
            yield fail(part, f"{pool.provider} cannot be asked: {error}", "See that this host reaches the provider.")
        except Exception as error:
            fix = "See the pool's options in docs/scaling.md and in the provider's documentation."
            yield fail(part, f"{pool.provider} cannot be asked: {type(error).__name__}.", fix)
        else:
            alive = pool.runners.filter(state=Runner.State.ACTIVE).count()
            if not provider.starts_runners and not alive:
                fix = "Start a runner by hand, with the pool's token and this service's address."
                yield warn(part, "nobody starts its runners, and none is connected.", fix)
            else:
                yield ok(part, f"{pool.provider} answers, {len(machines)} machines, {alive} runners connected")
