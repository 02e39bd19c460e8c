"""What a module made last, by request id: for adapters whose module does not remember it.

In memory, of this process only, and bounded: the oldest goes when it is full. It holds tokens, never a key. A module
that gives the same digits when it is asked again loses nothing with it; one that draws a TID or random bits of its own
needs a journal on disk.
"""

import threading
from collections import OrderedDict
from collections.abc import Iterable, Sequence

from vending.security.ports import Made


class Journal:
    """Thread-safe. `most` answers are kept."""

    def __init__(self, most: int = 1000) -> None:
        self._most = most
        self._made: OrderedDict[str, Made] = OrderedDict()
        self._lock = threading.Lock()

    def keep(self, answers: Iterable[tuple[str, Made]]) -> None:
        """Remember what was made for each request id; the newest answer to a request wins."""
        with self._lock:
            for request_id, made in answers:
                self._made[request_id] = made
                self._made.move_to_end(request_id)
            while len(self._made) > self._most:
                self._made.popitem(last=False)

    def find(self, request_ids: Sequence[str]) -> list[Made | None]:
        with self._lock:
            return [self._made.get(request_id) for request_id in request_ids]
