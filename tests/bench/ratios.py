"""Ours against a yardstick in the same minutes: A B A B, the median of the ratios, and their spread. Pure.

On a shared machine the absolute figures say little; the ratio of two neighbours does.
"""

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

ROUNDS = 7


@dataclass(frozen=True)
class Round:
    """Both rates of one round, in the same unit a second."""

    ours: float
    yardstick: float

    @property
    def ratio(self) -> float:
        return self.ours / self.yardstick


class MeasurementError(RuntimeError):
    """What was to be timed did not do its work, so there is no figure."""


def interleave(ours: Callable[[], float], yardstick: Callable[[], float], *, rounds: int = ROUNDS) -> list[Round]:
    """Both in turn. Which one goes first changes from round to round, so that a drift favours neither."""
    measured = []
    for number in range(rounds):
        if number % 2:
            yardstick_rate = yardstick()
            measured.append(Round(ours(), yardstick_rate))
        else:
            ours_rate = ours()
            measured.append(Round(ours_rate, yardstick()))
    return measured


def line(name: str, profile: str, rounds: Sequence[Round], *, aim: float, **more: str) -> str:
    """The line that `make bench` prints: `P6 profile=server ratio=0.53 min=0.49 max=0.55 ours=... aim=0.50`."""
    ratios = [measured.ratio for measured in rounds]
    values = {
        "profile": profile,
        "ratio": f"{statistics.median(ratios):.2f}",
        "min": f"{min(ratios):.2f}",
        "max": f"{max(ratios):.2f}",
        "ours": f"{statistics.median(measured.ours for measured in rounds):.1f}",
        "yardstick": f"{statistics.median(measured.yardstick for measured in rounds):.1f}",
        "aim": f"{aim:.2f}",
        **more,
    }
    return " ".join([name, *(f"{word}={value}" for word, value in values.items())])
