"""Settings that the LMS and Studio take from the plugin, after their own files were read.

A YAML file cannot open another one, so a key may be named there by its file: `PRIVATE_KEY_FILE`,
`SERVICE_PUBLIC_KEY_FILE`. A site that says nothing of Axons stays as it is.
"""

import logging
from pathlib import Path
from typing import Any

from axons_xblock.config import DEFAULT_TIMEOUT_SECONDS

KEYS = ("PRIVATE_KEY", "SERVICE_PUBLIC_KEY")

log = logging.getLogger(__name__)


def plugin_settings(settings: Any) -> None:
    """Complete `XBLOCK_SETTINGS["axons"]`: what the site wrote itself stays. A file that cannot be read leaves its key
    missing, which the exercise then says in a sentence; the LMS starts all the same.
    """
    xblocks = getattr(settings, "XBLOCK_SETTINGS", None) or {}
    if not xblocks.get("axons"):
        return
    bucket = {"TIMEOUT_SECONDS": DEFAULT_TIMEOUT_SECONDS, **xblocks["axons"]}
    for name in KEYS:
        path = bucket.get(f"{name}_FILE")
        if not path or bucket.get(name):
            continue
        try:
            bucket[name] = Path(path).read_text()
        except (OSError, UnicodeDecodeError) as error:
            log.error("Axons: %s_FILE cannot be read: %s", name, error)
    settings.XBLOCK_SETTINGS = {**xblocks, "axons": bucket}
