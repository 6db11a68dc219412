"""What can stop the demo, each as a sentence the reader can act on."""

from __future__ import annotations


class DemoError(Exception):
    """The demo cannot go on; the message is a sentence for the person at the terminal."""
