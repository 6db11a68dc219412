"""What lies in the bucket, however much: the service itself only reads a page at a time."""

from axons_service.storage import objects


def list_keys(prefix: str) -> list[str]:
    """All keys below a prefix, in order."""
    found: list[str] = []
    while page := objects.list_page(prefix, after=found[-1] if found else ""):
        found += [each.key for each in page]
    return found
