"""What an operator types to let an LMS in."""

import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.core.management import CommandError, call_command

from axons_service.sites.keys import public_key_load, public_key_pem
from axons_service.sites.models import Site, SiteKey


def register(folder: Path, key: str | None = None, **changes: object) -> None:
    file = folder / "lms.pub"
    file.write_text(key or public_key_pem(Ed25519PrivateKey.generate().public_key()))
    options = {"slug": "campus", "name": "Campus", "key_id": "k1", "public_key_file": file, **changes}
    call_command("site_register", **options)


def test_keys_create_makes_a_private_key_once(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "service.pem"
    call_command("keys_create", path=path)
    first = path.read_bytes()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert public_key_load(path.with_suffix(".pub").read_text())
    call_command("keys_create", path=path)
    assert path.read_bytes() == first


@pytest.mark.django_db
def test_site_register_can_be_repeated_and_brings_hosts_up_to_date(tmp_path: Path) -> None:
    key = public_key_pem(Ed25519PrivateKey.generate().public_key())
    register(tmp_path, key, callback_host=["lms.example.org"])
    register(tmp_path, key, callback_host=["lms.example.org:8443"], origin=["https://studio.example.org"])
    site = Site.objects.get()
    assert site.callback_hosts == ["lms.example.org:8443"]
    assert site.origins == ["https://studio.example.org"]
    assert SiteKey.objects.count() == 1


@pytest.mark.django_db
def test_a_key_id_never_changes_its_key(tmp_path: Path) -> None:
    register(tmp_path)
    with pytest.raises(CommandError, match="belongs to another key"):
        register(tmp_path)


@pytest.mark.django_db
def test_other_kinds_of_keys_are_refused(tmp_path: Path) -> None:
    curve = generate_private_key(SECP256R1()).public_key()
    pem = curve.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    with pytest.raises(CommandError, match="not an Ed25519"):
        register(tmp_path, pem)


@pytest.mark.django_db
@pytest.mark.parametrize("change", [{"callback_host": ["https://lms.example.org"]}, {"origin": ["lms.example.org"]}])
def test_malformed_hosts_and_origins_are_refused_with_a_sentence(tmp_path: Path, change: dict[str, list[str]]) -> None:
    with pytest.raises(CommandError, match="is not"):
        register(tmp_path, **change)
    assert not Site.objects.exists()
