"""``python -m axons_runner``."""

import sys

from axons_runner.cli import main

if __name__ == "__main__":
    sys.exit(main())
