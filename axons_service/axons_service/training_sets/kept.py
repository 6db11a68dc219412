"""Zips that the next slice of a set reads again: kept on this machine, so that each is fetched once and not per slice.

A slice that another machine takes fetches its own. What is forgotten (a worker was killed) goes after a day.
"""

import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from uuid import UUID, uuid4

LIFE_SECONDS = 24 * 3600.0


def archive_keep(upload_id: UUID, size: int, fetch: Callable[[Path], bool]) -> Path | None:
    """Where the zip of this upload lies, `size` bytes long, after `fetch` has written it there once; None without one.

    Several workers may ask at once: each sees a whole file or none.
    """
    folder = _folder()
    _tidy(folder)
    path = folder / f"{upload_id}.zip"
    if path.is_file() and path.stat().st_size == size:
        return path
    part = folder / f"{upload_id}.{uuid4().hex}.part"
    try:
        if not fetch(part):
            return None
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return path


def archive_forget(upload_id: UUID | str) -> None:
    """Give the zip's room back; who reads it still has it open."""
    (_folder() / f"{upload_id}.zip").unlink(missing_ok=True)


def _folder() -> Path:
    """A folder that nobody else on this machine can have put there or can write into."""
    folder = Path(tempfile.gettempdir()) / f"axons-archives-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if folder.is_symlink() or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise PermissionError(f"{folder} is not a folder of this process alone. Delete it, and the next try makes it.")
    return folder


def _tidy(folder: Path) -> None:
    for each in folder.iterdir():
        try:
            if time.time() - each.stat().st_mtime > LIFE_SECONDS:
                each.unlink()
        except FileNotFoundError:  # another worker was faster
            continue
