"""One module per task type, each with ``train``, ``evaluate`` and ``predict``."""
