"""The object store: S3, through an internal endpoint for ourselves and a public one for browsers and runners."""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import lru_cache
from itertools import islice
from typing import IO, Any, NamedTuple, TypedDict, cast

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from django.conf import settings

from axons_service.storage import presigning

IMMUTABLE = "private, max-age=31536000, immutable"


class PresignedPut(TypedDict):
    """How to upload one object: send these headers and exactly the declared number of bytes."""

    url: str
    method: str
    headers: dict[str, str]


class ObjectHead(TypedDict):
    """What the store says about an object without reading it."""

    bytes: int
    etag: str


class StoredObject(NamedTuple):
    """An object in a listing."""

    key: str
    bytes: int
    modified_at: datetime


@lru_cache(maxsize=8)
def _client(endpoint: str, region: str, access_key: str, secret_key: str, patient: bool = True) -> Any:
    config = Config(
        signature_version="s3v4",
        s3={"addressing_style": "path"},
        connect_timeout=5,
        read_timeout=60 if patient else 10,
        retries={"max_attempts": 4 if patient else 1, "mode": "standard"},
        max_pool_connections=20,
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
    return boto3.client(
        "s3",
        endpoint_url=endpoint,
        region_name=region,
        aws_access_key_id=access_key,
        aws_secret_access_key=secret_key,
        config=config,
    )


def client(*, internal: bool = True, patient: bool = True) -> Any:
    """The S3 client of the internal endpoint, or of the public one (only for presigning).

    One that is not `patient` gives up after 10 s and one try: for requests that are made while a lock is held.
    """
    s3 = settings.AXONS_S3
    endpoint = s3["endpoint"] if internal else s3["public_endpoint"]
    return _client(endpoint, s3["region"], s3["access_key"], s3["secret_key"], patient)


def bucket() -> str:
    """The one bucket of this deployment."""
    return str(settings.AXONS_S3["bucket"])


def presigned_get(
    key: str,
    *,
    expires: int = 3600,
    internal: bool = False,
    filename: str | None = None,
    content_type: str | None = None,
) -> str:
    """A URL that reads one object for `expires` seconds (an hour at most); `filename` makes a browser save it."""
    query: dict[str, str] = {}
    if filename is not None:
        safe = "".join(c if c.isalnum() or c in "._-" else "_" for c in filename)
        query["response-content-disposition"] = f'attachment; filename="{safe}"'
    if content_type is not None:
        query["response-content-type"] = content_type
    s3 = settings.AXONS_S3
    return presigning.get_url(
        endpoint=s3["endpoint"] if internal else s3["public_endpoint"],
        region=s3["region"],
        access_key=s3["access_key"],
        secret_key=s3["secret_key"],
        bucket=s3["bucket"],
        key=key,
        expires=min(expires, 3600),
        query=query,
    )


def presigned_put(
    key: str, *, bytes: int, content_type: str, expires: int = 900, internal: bool = False
) -> PresignedPut:
    """A URL that writes one object of exactly this size and type: both are signed, anything else gets 403."""
    params = {"Bucket": bucket(), "Key": key, "ContentLength": bytes, "ContentType": content_type}
    url = client(internal=internal).generate_presigned_url(
        "put_object", Params=params, ExpiresIn=min(expires, 3600), HttpMethod="PUT"
    )
    return {"url": url, "method": "PUT", "headers": {"Content-Type": content_type}}


def head(key: str) -> ObjectHead | None:
    """Size and ETag of an object; None when there is none."""
    try:
        found = client().head_object(Bucket=bucket(), Key=key)
    except ClientError as error:
        if _is_missing(error):
            return None
        raise
    return {"bytes": found["ContentLength"], "etag": found["ETag"].strip('"')}


def heads(keys: Iterable[str]) -> dict[str, ObjectHead | None]:
    """`head` of many objects at once, a few at a time."""
    asked = list(dict.fromkeys(keys))
    if not asked:
        return {}
    client()  # made here once, not by several threads at the same time
    with ThreadPoolExecutor(max_workers=min(8, len(asked))) as pool:
        return dict(zip(asked, pool.map(head, asked), strict=True))


def exists(key: str) -> bool:
    return head(key) is not None


def put_bytes(key: str, data: bytes, content_type: str) -> None:
    """Write an object, replacing what is there."""
    client().put_object(Bucket=bucket(), Key=key, Body=data, ContentType=content_type, CacheControl=IMMUTABLE)


def put_stream(key: str, file: IO[bytes], content_type: str) -> None:
    """Write an object from a file, in parts when it is large."""
    extra = {"ContentType": content_type, "CacheControl": IMMUTABLE}
    client().upload_fileobj(file, bucket(), key, ExtraArgs=extra)


def get_bytes(key: str) -> bytes:
    """The whole object. Raises FileNotFoundError when there is none."""
    return open_stream(key).read()


def open_stream(key: str) -> IO[bytes]:
    """The object as a readable stream. Raises FileNotFoundError when there is none."""
    try:
        found = client().get_object(Bucket=bucket(), Key=key)
    except ClientError as error:
        if _is_missing(error):
            raise FileNotFoundError(f"There is no object {key} in the store.") from error
        raise
    return cast(IO[bytes], found["Body"])


def copy(src: str, dst: str) -> None:
    """Copy an object inside the store. Raises FileNotFoundError when there is none."""
    try:
        client().copy_object(Bucket=bucket(), Key=dst, CopySource={"Bucket": bucket(), "Key": src})
    except ClientError as error:
        if _is_missing(error):
            raise FileNotFoundError(f"There is no object {src} in the store.") from error
        raise


def copies(pairs: Iterable[tuple[str, str]]) -> None:
    """Copy many objects inside the store, each from its first key to its second, a few at a time."""
    asked = list(pairs)
    if not asked:
        return
    client()  # made here once, not by several threads at the same time
    with ThreadPoolExecutor(max_workers=min(8, len(asked))) as pool:
        list(pool.map(lambda pair: copy(*pair), asked))


def delete(keys: Iterable[str], *, patient: bool = True) -> None:
    """Delete objects, a thousand a request; missing ones are fine. Raises OSError when the store refuses some."""
    remaining = iter(keys)
    while batch := list(islice(remaining, 1000)):
        answer = client(patient=patient).delete_objects(
            Bucket=bucket(), Delete={"Objects": [{"Key": key} for key in batch], "Quiet": True}
        )
        if errors := answer.get("Errors"):
            raise OSError(f"The store kept {len(errors)} objects, the first is {errors[0].get('Key')}: {errors[0]}.")


def list_page(prefix: str, *, after: str = "", limit: int = 1000) -> list[StoredObject]:
    """The next objects below a prefix in the order of their keys, after the key `after`; at most a thousand."""
    found = client().list_objects_v2(Bucket=bucket(), Prefix=prefix, StartAfter=after, MaxKeys=min(limit, 1000))
    return [
        StoredObject(key=item["Key"], bytes=item["Size"], modified_at=item["LastModified"])
        for item in found.get("Contents", [])
    ]


def list_folders(prefix: str, *, after: str = "") -> Iterable[str]:
    """The prefixes one level below a prefix (each ends with a slash) with keys after `after`, page by page."""
    pages = (
        client()
        .get_paginator("list_objects_v2")
        .paginate(Bucket=bucket(), Prefix=prefix, Delimiter="/", StartAfter=after)
    )
    for page in pages:
        for item in page.get("CommonPrefixes", []):
            yield item["Prefix"]


def multiparts_abort(*, older_than: datetime) -> int:
    """Give up uploads in parts that were begun before `older_than` and never completed; how many."""
    aborted = 0
    for page in client().get_paginator("list_multipart_uploads").paginate(Bucket=bucket()):
        for item in page.get("Uploads", []):
            if item["Initiated"] < older_than:
                client().abort_multipart_upload(Bucket=bucket(), Key=item["Key"], UploadId=item["UploadId"])
                aborted += 1
    return aborted


def _is_missing(error: ClientError) -> bool:
    return error.response.get("Error", {}).get("Code") in ("404", "NoSuchKey", "NotFound")


def bucket_answers() -> bool:
    """Whether the store answers and has our bucket."""
    try:
        client().head_bucket(Bucket=bucket())
    except (BotoCoreError, ClientError):
        return False
    return True
