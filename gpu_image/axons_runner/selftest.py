"""``python -m axons_runner.selftest``: can this image do its work? Run at image build and at container start.

``AXONS_REQUIRED_ARCHS`` (for example ``sm_70`` for V100S) names GPU architectures that the build of torch must contain;
a GPU that is present must be one of those torch was built for.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from axons_runner.process import prepare


def main() -> int:
    """Return 0 when everything works; otherwise print a sentence and return 1."""
    prepare()
    import torch

    missing = missing_archs(os.environ.get("AXONS_REQUIRED_ARCHS", ""), compiled_archs())
    if missing:
        print(f"torch {torch.__version__} was built without {', '.join(missing)}.", file=sys.stderr)
        return 1
    from axons_runner.engine import Engine

    try:
        with tempfile.TemporaryDirectory() as folder:
            engine = Engine(Path(folder), threads=1)
            engine.warm_up()
    except RuntimeError as problem:
        print(problem, file=sys.stderr)
        return 1
    print(
        f"axons-runner: torch {torch.__version__} on {engine.device_name}, {' '.join(compiled_archs()) or 'CPU only'}"
    )
    return 0


def compiled_archs() -> list[str]:
    """Return the GPU architectures in this build of torch, also where there is no GPU (an image build)."""
    import torch

    # torch.cuda.get_arch_list() is empty without a GPU; this is the list behind it
    flags = torch._C._cuda_getArchFlags() if hasattr(torch._C, "_cuda_getArchFlags") else None
    return flags.split() if flags else []


def missing_archs(required: str, built: list[str]) -> list[str]:
    """Return which of the required architectures (separated by spaces or commas) are not built in."""
    return [arch for arch in required.replace(",", " ").split() if arch not in built]


if __name__ == "__main__":
    sys.exit(main())
