"""Keys and secrets: made once, kept, and nobody else's to read."""

from pathlib import Path

from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

from axons_demo.keys import SECRETS, load_or_create


def test_a_second_start_finds_the_keys_of_the_first(tmp_path: Path) -> None:
    first = load_or_create(tmp_path)
    pems = [first.site_private.read_text(), first.service_private.read_text()]
    second = load_or_create(tmp_path)
    assert second.secrets == first.secrets
    assert [second.site_private.read_text(), second.service_private.read_text()] == pems


def test_two_demos_share_no_secret(tmp_path: Path) -> None:
    one, other = load_or_create(tmp_path / "one"), load_or_create(tmp_path / "other")
    assert not set(one.secrets.values()) & set(other.secrets.values())
    assert one.site_private.read_text() != other.site_private.read_text()


def test_only_the_owner_can_read_them(tmp_path: Path) -> None:
    keys = load_or_create(tmp_path / "keys")
    files = list((tmp_path / "keys").iterdir())
    assert len(files) == 5
    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}
    assert set(keys.secrets) == set(SECRETS)
    assert len(set(keys.secrets.values())) == len(SECRETS)


def test_each_public_key_verifies_its_private_key(tmp_path: Path) -> None:
    keys = load_or_create(tmp_path)
    for private, public in ((keys.site_private, keys.site_public), (keys.service_private, keys.service_public)):
        signature = load_pem_private_key(private.read_bytes(), None).sign(b"a grade")
        load_pem_public_key(public.read_bytes()).verify(signature, b"a grade")


def test_a_lost_secret_is_made_anew_and_the_others_stay(tmp_path: Path) -> None:
    first = load_or_create(tmp_path)
    (tmp_path / "service_public.pem").unlink()
    second = load_or_create(tmp_path)
    assert second.secrets == first.secrets
    assert second.service_public.exists()
