"""Which exceptions mean that the database or the object store is away for a moment: theirs is 503, not 500."""

from botocore.exceptions import ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as StoreConnectionError
from django.db import InterfaceError, OperationalError


def is_outage(error: Exception) -> bool:
    """Whether asking again in a moment may well succeed: no connection, a restart, a store that answers 5xx."""
    if isinstance(error, ClientError):
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        return int(status) >= 500
    return isinstance(error, OperationalError | InterfaceError | HTTPClientError | StoreConnectionError)
