"""Whose bucket this is. Only the database that wrote the objects knows which of them are garbage.

A service that is started with a new, empty or half-restored database would take every object for an orphan. So the
bucket carries the id of its database, and the orphan pass leaves a bucket alone that carries another one's.
"""

import logging
import uuid

from axons_service.storage import objects
from axons_service.storage.models import SweepPass

KEY = "axons/database"
NAME = "database"

logger = logging.getLogger(__name__)


def bucket_is_ours() -> bool:
    """Whether the bucket carries this database's id; one that carries none gets it."""
    mine = _database_id()
    try:
        return objects.get_bytes(KEY).decode() == mine
    except FileNotFoundError:
        bucket_take(mine)
        return True


def bucket_take(database_id: str | None = None) -> None:
    """Write this database's id into the bucket: an operator's word that what it does not name is garbage."""
    objects.put_bytes(KEY, (database_id or _database_id()).encode(), "text/plain")


def _database_id() -> str:
    row, _ = SweepPass.objects.get_or_create(name=NAME, defaults={"cursor": str(uuid.uuid4())})
    return row.cursor
