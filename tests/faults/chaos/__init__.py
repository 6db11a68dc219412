"""Seeded chaos over the whole service: real servers, real kills, effects counted from outside (docs/decisions/0011)."""
