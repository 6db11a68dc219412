"""The bucket's own rules: they take what is temporary even when no worker runs. The sweeper does the same work."""

import logging
from typing import Any

from botocore.exceptions import ClientError

from axons_service.storage import objects
from axons_service.storage.settling import once_known

OURS = "axons-"
# tmp/: longer than the sweeper's day, which knows what a job or a set still waits for; the rule knows only dates.
RULES: list[dict[str, Any]] = [
    {"ID": f"{OURS}tmp", "Status": "Enabled", "Filter": {"Prefix": "tmp/"}, "Expiration": {"Days": 3}},
    {
        "ID": f"{OURS}multipart",
        "Status": "Enabled",
        "Filter": {"Prefix": ""},
        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1},
    },
]
REFUSALS = ("NotImplemented", "MethodNotAllowed", "AccessDenied", "InvalidRequest", "MalformedXML", "XNotImplemented")

logger = logging.getLogger(__name__)


def lifecycle_put() -> bool:
    """Put our rules beside those that an operator has put; False, with a line in the log, where the store has none.

    Idempotent. Raises ClientError for anything but a refusal.
    """
    try:
        kept = [rule for rule in _rules() if not str(rule.get("ID", "")).startswith(OURS)]
        rules = {"Rules": [*RULES, *kept]}
        once_known(
            lambda: objects.client().put_bucket_lifecycle_configuration(
                Bucket=objects.bucket(), LifecycleConfiguration=rules
            )
        )
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "")
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
        if code not in REFUSALS and status not in (403, 405, 501):
            raise
        logger.warning("The store takes no lifecycle rules (%s): the sweeper alone deletes what is temporary.", code)
        return False
    return True


def _rules() -> list[dict[str, Any]]:
    try:
        found = once_known(lambda: objects.client().get_bucket_lifecycle_configuration(Bucket=objects.bucket()))
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") == "NoSuchLifecycleConfiguration":
            return []
        raise
    return list(found.get("Rules", []))
