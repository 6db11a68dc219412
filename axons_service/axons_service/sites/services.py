"""Every write of sites and their tokens."""

from urllib.parse import urlsplit

from django.db import transaction
from django.utils import timezone

from axons_service.sites.keys import public_key_load
from axons_service.sites.models import Site, SiteKey, UsedToken


class SiteRefused(ValueError):
    """A site cannot be registered like this; the sentence says why."""


@transaction.atomic
def site_register(
    *, slug: str, name: str, key_id: str, public_key: str, callback_hosts: list[str], origins: list[str]
) -> tuple[Site, bool]:
    """Register a site or bring its registration up to date; whether it was new. Keys are added, never replaced.

    Raises SiteRefused when a host or origin is malformed, the key is none, or `key_id` names another key already.
    """
    for host in callback_hosts:
        if "/" in host or "@" in host or not urlsplit(f"//{host}").hostname:
            raise SiteRefused(f"A callback host is host or host:port, without a scheme: {host} is not.")
    for origin in origins:
        parts = urlsplit(origin)
        if parts.scheme not in ("http", "https") or origin != f"{parts.scheme}://{parts.netloc}":
            raise SiteRefused(f"An origin is https://host[:port] without a path: {origin} is not.")
    try:
        public_key_load(public_key)
    except ValueError as error:
        raise SiteRefused(str(error)) from error
    site, created = Site.objects.update_or_create(
        slug=slug, defaults={"name": name, "callback_hosts": callback_hosts, "origins": origins, "is_active": True}
    )
    key, _ = SiteKey.objects.get_or_create(site=site, kid=key_id, defaults={"public_key": public_key})
    if key.public_key.strip() != public_key.strip():
        raise SiteRefused(f"The key id {key_id} belongs to another key of {slug}. Give the new key a new id.")
    return site, created


def used_tokens_sweep(*, limit: int = 10_000) -> int:
    """Forget spent tokens that no request could use any more; how many."""
    expired = UsedToken.objects.filter(expires_at__lt=timezone.now()).order_by("expires_at")
    deleted, _ = UsedToken.objects.filter(pk__in=list(expired.values_list("pk", flat=True)[:limit])).delete()
    return deleted
