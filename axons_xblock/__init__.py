"""Axons: an XBlock in which students train image models on real GPUs, inside a course unit."""

__version__ = "0.1.0"
