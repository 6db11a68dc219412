"""The service's own Ed25519 key: signs browser tokens and grade callbacks."""

import os
from functools import lru_cache
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from django.conf import settings

SERVICE_KEY_ID = "service"


def service_private_key() -> Ed25519PrivateKey:
    """The key in AXONS_SERVICE_PRIVATE_KEY_FILE, made by command `keys_create`. Raises RuntimeError without one."""
    return _load(settings.AXONS_SERVICE_PRIVATE_KEY_FILE)


def service_public_key() -> Ed25519PublicKey:
    """What the XBlock verifies callbacks with."""
    return service_private_key().public_key()


def public_key_pem(key: Ed25519PublicKey) -> str:
    """A public key as SubjectPublicKeyInfo PEM."""
    encoded = key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return encoded.decode()


@lru_cache(maxsize=256)
def public_key_load(pem: str) -> Ed25519PublicKey:
    """Parse a PEM public key. Raises ValueError with a sentence when it is not an Ed25519 public key."""
    try:
        key = serialization.load_pem_public_key(pem.encode())
    except ValueError as error:
        raise ValueError("This is not a public key in PEM form.") from error
    if not isinstance(key, Ed25519PublicKey):
        raise ValueError("This is not an Ed25519 public key; only Ed25519 keys are accepted.")
    return key


def key_pair_create(path: Path) -> bool:
    """Write a new private key to `path` (mode 0600), its public half beside it as `.pub`; False if there is one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    key = Ed25519PrivateKey.generate()
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return False
    with os.fdopen(descriptor, "wb") as file:
        file.write(pem)
    path.with_suffix(".pub").write_text(public_key_pem(key.public_key()))
    return True


@lru_cache(maxsize=4)
def _load(path: str) -> Ed25519PrivateKey:
    try:
        pem = Path(path).read_bytes()
    except OSError as error:
        raise RuntimeError(f"The service key {path} cannot be read. Run `axons-service keys_create`.") from error
    key = serialization.load_pem_private_key(pem, password=None)
    if not isinstance(key, Ed25519PrivateKey):
        raise RuntimeError(f"{path} is not an Ed25519 private key. Run `axons-service keys_create` with another path.")
    return key
