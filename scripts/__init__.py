"""Developers' tools of this repository; never in a wheel."""
