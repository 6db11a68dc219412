"""The object store's promises, on a real S3 server."""

import time
from typing import Any

import pytest
import requests
from django.core.management import CommandError, call_command

from axons_service.storage import keys, objects
from axons_service.storage.services import storage_prepare
from tests.service import builders
from tests.service.builders import Caller, Lms
from tests.service.listing import list_keys


@pytest.mark.django_db
@pytest.mark.needs_s3
class TestStore:
    def test_a_presigned_upload_takes_exactly_the_signed_size_and_type(self, store: Any) -> None:
        put = objects.presigned_put("tmp/one", bytes=4, content_type="image/png")
        assert requests.put(put["url"], data=b"12345", headers=put["headers"], timeout=10).status_code == 403
        assert (
            requests.put(put["url"], data=b"1234", headers={"Content-Type": "text/html"}, timeout=10).status_code == 403
        )
        assert not objects.exists("tmp/one")
        assert requests.put(put["url"], data=b"1234", headers=put["headers"], timeout=10).status_code == 200
        assert objects.head("tmp/one") == {"bytes": 4, "etag": objects.head("tmp/one")["etag"]}  # type: ignore[index]

    def test_a_url_opens_its_own_object_and_only_for_its_time(self, store: Any) -> None:
        objects.put_bytes("a/one", b"one", "text/plain")
        objects.put_bytes("a/two", b"two", "text/plain")
        url = objects.presigned_get("a/one", expires=1, filename='re"port é.txt')
        answer = requests.get(url, timeout=10)
        assert answer.content == b"one"
        assert answer.headers["Content-Disposition"] == 'attachment; filename="re_port_é.txt"'.encode().decode(
            "latin-1"
        )
        assert requests.get(url.replace("a/one", "a/two"), timeout=10).status_code == 403
        assert requests.get(f"{store.url}/{store.bucket}/a/one", timeout=10).status_code == 403
        time.sleep(2)
        assert requests.get(url, timeout=10).status_code == 403

    def test_objects_are_read_copied_listed_and_deleted(self, store: Any) -> None:
        objects.put_bytes("b/one", b"data", "text/plain")
        objects.copy("b/one", "b/two")
        assert objects.get_bytes("b/two") == b"data"
        assert list_keys("b/") == ["b/one", "b/two"]
        objects.delete(["b/one", "b/two", "b/never"])
        assert list_keys("b/") == []
        assert objects.head("b/one") is None
        with pytest.raises(FileNotFoundError):
            objects.get_bytes("b/one")

    def test_browsers_of_our_origins_may_put_and_others_may_not(self, store: Any, campus: Lms) -> None:
        storage_prepare(origins=["https://lms.example.org"])
        put = objects.presigned_put("tmp/cors", bytes=1, content_type="image/png")

        def preflight(origin: str) -> str | None:
            asked = {
                "Origin": origin,
                "Access-Control-Request-Method": "PUT",
                "Access-Control-Request-Headers": "content-type",
            }
            return requests.options(put["url"], headers=asked, timeout=10).headers.get("Access-Control-Allow-Origin")

        assert preflight("https://lms.example.org") == "https://lms.example.org"
        assert preflight("https://studio.example.org") == "https://studio.example.org"
        assert preflight("https://evil.example.org") is None

    def test_storage_prepare_can_be_repeated(self, store: Any, capsys: pytest.CaptureFixture[str]) -> None:
        call_command("storage_prepare")
        said = f"bucket {store.bucket} is there, CORS rules are put, lifecycle rules are put\n"
        assert capsys.readouterr().out == said


@pytest.mark.django_db
def test_without_a_store_the_command_says_where_it_looked() -> None:
    with pytest.raises(CommandError, match=r"http://127\.0\.0\.1:1 cannot be prepared"):
        call_command("storage_prepare")


def test_browsers_get_the_public_address_and_we_use_the_internal_one(settings: Any) -> None:
    settings.AXONS_S3 = {**settings.AXONS_S3, "public_endpoint": "https://files.example.org"}
    assert objects.presigned_get("k").startswith("https://files.example.org/")
    assert objects.presigned_get("k", internal=True).startswith("http://127.0.0.1:1/")
    assert "X-Amz-Expires=3600" in objects.presigned_get("k", expires=999_999)


@pytest.mark.django_db
def test_keys_never_cross_sites_or_projects(course: Lms, anna: Caller, ben: Caller) -> None:
    other = builders.lms("other")
    builders.library_set(other.site, "hidden", "hidden-pets")
    callers = (anna, ben, Caller(other))
    for caller in callers:
        caller.open()
    prefixes = [keys.project_prefix(caller.project()) for caller in callers]
    assert len(set(prefixes)) == 3
    assert prefixes[0].startswith(f"sites/{course.site.pk}/projects/")
    assert prefixes[2].startswith(f"sites/{other.site.pk}/projects/")
    assert keys.blob_key(prefixes[0], "ab" + "0" * 62) == f"{prefixes[0]}blobs/sha256/ab/ab{'0' * 62}"
    model = builders.model(anna.project())
    assert keys.model_prefix(model) == f"{prefixes[0]}models/{model.pk}/"
    assert model.job is not None
    assert keys.attempt_prefix(model.job, 2) == f"{prefixes[0]}jobs/{model.job.pk}/attempts/2/"
