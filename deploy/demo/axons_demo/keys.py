"""Keys and secrets, made at the first start and kept, so that a second start finds its data."""

from __future__ import annotations

import json
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

SECRETS = ("lms_secret", "service_secret", "broker_password", "s3_access_key", "s3_secret_key")


@dataclass(frozen=True)
class Keys:
    """Paths of the key files, and the secrets by name."""

    folder: Path
    secrets: dict[str, str]

    @property
    def site_private(self) -> Path:
        return self.folder / "site_private.pem"

    @property
    def site_public(self) -> Path:
        return self.folder / "site_public.pem"

    @property
    def service_private(self) -> Path:
        return self.folder / "service_private.pem"

    @property
    def service_public(self) -> Path:
        return self.folder / "service_public.pem"


def write_private(path: Path, content: str) -> None:
    """Write a file only its owner can read, whole or not at all."""
    partial = path.with_suffix(".partial")
    partial.unlink(missing_ok=True)
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as handle:
        handle.write(content)
    partial.replace(path)


def _pair(private: Path, public: Path) -> None:
    if not private.exists():
        key = Ed25519PrivateKey.generate()
        write_private(private, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode())
    loaded = load_pem_private_key(private.read_bytes(), password=None)
    pem = loaded.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    if not public.exists() or public.read_text() != pem:
        write_private(public, pem)


def load_or_create(folder: Path) -> Keys:
    """The keys of this demo; what is missing is made, what exists is never changed."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    stored = folder / "secrets.json"
    values: dict[str, str] = json.loads(stored.read_text()) if stored.exists() else {}
    missing = [name for name in SECRETS if name not in values]
    if missing:
        # Hexadecimal only: the values stand in URLs and in configuration files.
        values.update({name: secrets.token_hex(24) for name in missing})
        write_private(stored, json.dumps(values, indent=1))
    keys = Keys(folder, values)
    _pair(keys.site_private, keys.site_public)
    _pair(keys.service_private, keys.service_public)
    return keys
