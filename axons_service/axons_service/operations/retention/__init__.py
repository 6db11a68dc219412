"""Retention: the trash with undo, quotas, what the clock takes away, and a learner's erasure."""
