"""The runner of Axons: claims jobs of its pool over HTTPS and executes them."""

__version__ = "0.1.0"
