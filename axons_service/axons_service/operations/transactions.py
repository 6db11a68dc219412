"""Transactions of services that are called by others."""

from contextlib import AbstractContextManager, nullcontext

from django.db import connection, transaction


def joined_transaction() -> AbstractContextManager[None]:
    """The caller's transaction, without a savepoint, or a new one where there is none.

    For what raises only before it writes: inside the caller's transaction nothing is taken back here.
    """
    return nullcontext() if connection.in_atomic_block else transaction.atomic()
