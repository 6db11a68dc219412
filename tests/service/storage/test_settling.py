"""A bucket that the store made a moment ago."""

import pytest
from botocore.exceptions import ClientError

from axons_service.storage import settling


def refusal(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code}}, "GetBucketLifecycleConfiguration")


class Store:
    def __init__(self, *codes: str) -> None:
        self.codes = list(codes)

    def __call__(self) -> str:
        if self.codes:
            raise refusal(self.codes.pop(0))
        return "rules"


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settling, "PAUSE_SECONDS", 0)


def test_a_bucket_that_is_not_known_yet_is_asked_for_again() -> None:
    assert settling.once_known(Store("NoSuchBucket", "NoSuchBucket")) == "rules"


def test_any_other_refusal_is_told_at_once() -> None:
    store = Store("AccessDenied", "NoSuchBucket")
    with pytest.raises(ClientError, match="AccessDenied"):
        settling.once_known(store)
    assert store.codes == ["NoSuchBucket"]


def test_a_bucket_that_does_not_come_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settling, "PATIENCE_SECONDS", 0)
    with pytest.raises(ClientError, match="NoSuchBucket"):
        settling.once_known(Store(*["NoSuchBucket"] * 1000))
