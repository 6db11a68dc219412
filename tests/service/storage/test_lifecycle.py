"""The bucket's own rules: put where the store knows them, beside those of an operator; said where it does not."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from axons_service.storage import lifecycle, objects
from axons_service.storage.lifecycle import lifecycle_put


def rules() -> dict[str, Any]:
    found = objects.client().get_bucket_lifecycle_configuration(Bucket=objects.bucket())
    return {rule["ID"]: rule for rule in found["Rules"]}


@pytest.mark.django_db
@pytest.mark.needs_s3
class TestStore:
    def test_the_sweeper_with_its_database_comes_before_the_buckets_rule_for_tmp(self, store: Any) -> None:
        assert lifecycle_put() is True
        assert rules()["axons-tmp"]["Expiration"] == {"Days": 3}
        assert rules()["axons-tmp"]["Filter"] == {"Prefix": "tmp/"}
        assert rules()["axons-multipart"]["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 1}

    def test_an_operators_rules_stay_and_ours_are_put_once(self, store: Any) -> None:
        theirs = {"ID": "backups", "Status": "Enabled", "Filter": {"Prefix": "backups/"}, "Expiration": {"Days": 90}}
        objects.client().put_bucket_lifecycle_configuration(
            Bucket=objects.bucket(), LifecycleConfiguration={"Rules": [theirs]}
        )
        lifecycle_put()
        lifecycle_put()
        assert set(rules()) == {"axons-tmp", "axons-multipart", "backups"}


class Refusing:
    """A store that answers everything with one error."""

    def __init__(self, code: str, status: int) -> None:
        response = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}
        self.error = ClientError(response, "PutBucketLifecycleConfiguration")  # type: ignore[no-untyped-call]

    def __getattr__(self, name: str) -> Any:
        def call(**arguments: Any) -> None:
            raise self.error

        return call


@pytest.mark.parametrize(("code", "status"), [("NotImplemented", 501), ("MethodNotAllowed", 405), ("Whatever", 403)])
def test_a_store_without_rules_is_told_in_a_line(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, code: str, status: int
) -> None:
    monkeypatch.setattr(lifecycle.objects, "client", lambda: Refusing(code, status))
    assert lifecycle_put() is False
    assert "the sweeper alone deletes what is temporary" in caplog.text


def test_a_broken_store_is_no_store_without_rules(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lifecycle.objects, "client", lambda: Refusing("InternalError", 500))
    with pytest.raises(ClientError):
        lifecycle_put()
