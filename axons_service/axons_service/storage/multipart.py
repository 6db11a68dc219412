"""A file that is written to the object store while it grows: S3's multipart upload, one part in memory."""

import io
from types import TracebackType
from typing import Any

from axons_service.storage import objects

PART_BYTES = 8 * 1024 * 1024


class MultipartWriter(io.RawIOBase):
    """Write-only and not seekable. The object appears when the `with` block ends well, and never in part."""

    def __init__(self, key: str, content_type: str) -> None:
        self.key = key
        self.content_type = content_type
        self.written = 0
        self._buffer = bytearray()
        self._parts: list[dict[str, Any]] = []
        self._upload = ""

    def __enter__(self) -> "MultipartWriter":
        self._forget_killed()
        started = objects.client().create_multipart_upload(
            Bucket=objects.bucket(), Key=self.key, ContentType=self.content_type
        )
        self._upload = started["UploadId"]
        return self

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        raise io.UnsupportedOperation("a stream has no place to go back to")

    def write(self, data: Any) -> int:
        """Take bytes; a full part goes to the store at once."""
        self._buffer += data
        self.written += len(data)
        while len(self._buffer) >= PART_BYTES:
            self._send(bytes(self._buffer[:PART_BYTES]))
            del self._buffer[:PART_BYTES]
        return len(data)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        names = {"Bucket": objects.bucket(), "Key": self.key, "UploadId": self._upload}
        if kind is not None:
            objects.client().abort_multipart_upload(**names)
            return
        if self._buffer or not self._parts:
            self._send(bytes(self._buffer))
            self._buffer.clear()
        objects.client().complete_multipart_upload(**names, MultipartUpload={"Parts": self._parts})

    def _forget_killed(self) -> None:
        """Drop the parts that a killed writer of the same object left."""
        left = objects.client().list_multipart_uploads(Bucket=objects.bucket(), Prefix=self.key)
        for each in left.get("Uploads", []):
            if each["Key"] == self.key:
                objects.client().abort_multipart_upload(
                    Bucket=objects.bucket(), Key=self.key, UploadId=each["UploadId"]
                )

    def _send(self, part: bytes) -> None:
        number = len(self._parts) + 1
        sent = objects.client().upload_part(
            Bucket=objects.bucket(), Key=self.key, UploadId=self._upload, PartNumber=number, Body=part
        )
        self._parts.append({"PartNumber": number, "ETag": sent["ETag"]})
