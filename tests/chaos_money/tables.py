"""Counts as a person reads them."""

import sys
from collections.abc import Mapping


def print_table(title: str, counts: Mapping[str, int]) -> None:
    print(f"\n{title}")
    width = max((len(name) for name in counts), default=0)
    for name in counts:
        print(f"  {name:<{width}}  {counts[name]:>7}")
    sys.stdout.flush()
