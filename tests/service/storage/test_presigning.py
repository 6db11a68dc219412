"""Our own signature is botocore's, byte for byte."""

from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from axons_service.storage import objects, presigning


def boto_url(params: dict[str, Any], expires: int) -> str:
    extra = {"Bucket": objects.bucket(), **params}
    return str(objects.client(internal=False).generate_presigned_url("get_object", Params=extra, ExpiresIn=expires))


def same_request(one: str, other: str) -> bool:
    """The order of a query's items is no part of the request."""
    first, second = urlsplit(one), urlsplit(other)
    return first[:3] == second[:3] and sorted(parse_qsl(first.query)) == sorted(parse_qsl(second.query))


@pytest.mark.parametrize("endpoint", ["http://127.0.0.1:8333", "https://s3.gra.io.cloud.ovh.net", "https://s3.org:443"])
@pytest.mark.parametrize("key", ["sites/1/blobs/sha256/ab/abcd", "tmp/ä b+c&d=e%2F~f'(1)*.jpg", "a//b"])
@pytest.mark.parametrize("filename", [None, "my model (1).json"])
def test_our_url_is_that_of_botocore(settings: Any, endpoint: str, key: str, filename: str | None) -> None:
    settings.AXONS_S3 = {**settings.AXONS_S3, "public_endpoint": endpoint, "region": "gra"}
    params: dict[str, Any] = {"Key": key}
    if filename is not None:
        params["ResponseContentDisposition"] = 'attachment; filename="my_model__1_.json"'
    for _ in range(3):  # the second may turn between the two
        ours = objects.presigned_get(key, expires=900, filename=filename)
        if same_request(ours, boto_url(params, 900)):
            return
    assert ours == boto_url(params, 900)


def test_a_url_lives_for_an_hour_at_most() -> None:
    assert "X-Amz-Expires=3600&" in objects.presigned_get("a", expires=86_400)


def test_the_key_to_sign_with_is_the_days(settings: Any) -> None:
    one = presigning._signing_key("secret", "20261127", "gra")
    assert one != presigning._signing_key("secret", "20261128", "gra")
    assert one != presigning._signing_key("secret", "20261127", "sbg")
