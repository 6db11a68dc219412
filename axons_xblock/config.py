"""What the operator wrote into `XBLOCK_SETTINGS["axons"]`. Secrets stay here: fields are exported in OLX."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from axons_xblock.errors import Problem, gettext_noop

REQUIRED = ("SERVICE_URL", "SITE", "KEY_ID", "PRIVATE_KEY", "SERVICE_PUBLIC_KEY")
DEFAULT_TIMEOUT_SECONDS = 10.0


@dataclass(frozen=True)
class Config:
    """One site's settings. `service_public_keys` maps key id to PEM; the key `""` verifies any key id."""

    service_url: str
    site: str
    key_id: str
    private_key: str = field(repr=False)
    service_public_keys: Mapping[str, str] = field(repr=False)
    service_public_url: str | None = None
    timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any] | None) -> Config:
        """Read the settings bucket; raise `not_configured` (503) that names what is missing."""
        settings = settings or {}
        missing = [name for name in REQUIRED if not settings.get(name)]
        if missing:
            raise Problem(
                503,
                "not_configured",
                gettext_noop(
                    "Axons is not set up on this site yet: an administrator has to fill {names} in "
                    'XBLOCK_SETTINGS["axons"].'
                ),
                values={"names": ", ".join(missing)},
            )
        keys = settings["SERVICE_PUBLIC_KEY"]
        public_url = settings.get("SERVICE_PUBLIC_URL")
        return cls(
            service_url=str(settings["SERVICE_URL"]).rstrip("/"),
            site=str(settings["SITE"]),
            key_id=str(settings["KEY_ID"]),
            private_key=str(settings["PRIVATE_KEY"]),
            service_public_keys=dict(keys) if isinstance(keys, Mapping) else {"": str(keys)},
            service_public_url=str(public_url).rstrip("/") if public_url else None,
            timeout_seconds=float(settings.get("TIMEOUT_SECONDS") or DEFAULT_TIMEOUT_SECONDS),
        )
