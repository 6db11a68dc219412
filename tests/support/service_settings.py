"""The service's settings under test: the real ones, with values for every variable they ask for.

What a lane wants to be real it sets before (AXONS_DATABASE_URL, AXONS_BROKER_URL; AXONS_S3_ENDPOINT is where the
`s3_server` fixture starts a SeaweedFS).
"""

import os
import tempfile
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat


def _scratch() -> Path:
    folder = Path(os.environ.get("AXONS_TEST_SCRATCH") or tempfile.mkdtemp(prefix="axons-tests-"))
    os.environ["AXONS_TEST_SCRATCH"] = str(folder)
    return folder


def _private_key(folder: Path) -> str:
    path = folder / "service_private.pem"
    if not path.exists():
        key = Ed25519PrivateKey.generate()
        path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return str(path)


_folder = _scratch()
_defaults = {
    "AXONS_SECRET_KEY": "only-for-tests-and-for-nothing-else",
    "AXONS_DATABASE_URL": os.environ.get("AXONS_TEST_DATABASE_URL") or f"sqlite:///{_folder / 'service.sqlite3'}",
    "AXONS_BROKER_URL": "memory://",
    "AXONS_S3_ENDPOINT": "http://127.0.0.1:1",
    "AXONS_S3_ACCESS_KEY": "tests",
    "AXONS_S3_SECRET_KEY": "tests-secret",
    "AXONS_S3_BUCKET": "axons-tests",
    "AXONS_SERVICE_PRIVATE_KEY_FILE": _private_key(_folder),
    "AXONS_PUBLIC_URL": "http://testserver",
    "AXONS_ALLOWED_HOSTS": "testserver,127.0.0.1,localhost",
    "AXONS_ALLOWED_ORIGINS": "https://lms.example.org",
    "AXONS_DATA_DIR": str(_folder),
    # Tests that are about limits switch them on; the others may ask as often as they like.
    **{f"AXONS_RATE_{name}": "off" for name in ("LEARNER_READ", "LEARNER_WRITE", "SITE_READ", "SITE_WRITE")},
    **{f"AXONS_RATE_{name}": "off" for name in ("POOL", "ATTEMPT")},
}
for _name, _value in _defaults.items():
    os.environ.setdefault(_name, _value)

from axons_service.settings.embedded import *  # noqa: E402, F403

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
WHITENOISE_AUTOREFRESH = True  # static files are looked for when asked for, not by every test's client
