"""`make simulate`: prints how the policies compare, and writes it into the page that WRITE names."""

import argparse
import time
from pathlib import Path

from tests.benchmarks.scaling.day import Day
from tests.benchmarks.scaling.report import Compared, compare, page, text


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--students", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--price", type=float, default=1.80, help="euros for a machine-hour, an example")
    parser.add_argument("--interruptions", type=float, default=0.005, help="of a machine that was ordered, per hour")
    parser.add_argument("--write", type=Path, help="the page whose figures are rewritten between its markers")
    options = parser.parse_args()
    began = time.process_time()
    compared: Compared = compare(
        Day(options.students, options.seed), price=options.price, interruptions=options.interruptions
    )
    print(text(compared))
    print(f"{time.process_time() - began:.0f} s of processor time")
    if options.write:
        options.write.write_text(page(options.write.read_text(), compared))
        print(f"{options.write} has the figures")


if __name__ == "__main__":
    main()
