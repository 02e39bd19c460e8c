"""The token identifiers that a meter has taken: what is used, what is too old, what is new.

One vendor-independent source tells this behaviour and no published vector proves it; the depth differs by meter.
"""

import bisect
from collections.abc import Sequence

from gateway.simulator.meter.words import Word

USUAL_DEPTH = 50
_EMPTY = -1  # below every TID


class TidStore:
    """The newest TIDs, as many as `depth`, in rising order. Tokens may come in any order within it."""

    def __init__(self, depth: int = USUAL_DEPTH, manufactured_tid: int = _EMPTY) -> None:
        """`manufactured_tid` fills the whole store, as the factory does, so older tokens are OLD from the start."""
        if depth < 1:
            raise ValueError("a meter remembers one TID at least")
        self._tids = [manufactured_tid] * depth

    def judge(self, tid: int) -> Word:
        """USED when it is stored, OLD when it is below the oldest stored, else ACCEPT."""
        if tid in self._tids:
            return Word.USED
        return Word.OLD if tid < self._tids[0] else Word.ACCEPT

    def keep(self, tid: int) -> None:
        """Store a new one; the oldest falls out."""
        bisect.insort(self._tids, tid)
        del self._tids[0]

    def clear(self) -> None:
        """Forget all, as a rollover to another base date asks."""
        self._tids = [_EMPTY] * len(self._tids)

    def memory(self) -> list[int]:
        return list(self._tids)

    def remember(self, tids: Sequence[int]) -> None:
        """Take up what `memory` gave, of a store of any depth: what has once fallen out never becomes new again."""
        depth = len(self._tids)
        known = sorted(tids)[-depth:]
        self._tids = [known[0]] * (depth - len(known)) + known
