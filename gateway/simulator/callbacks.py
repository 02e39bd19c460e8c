"""What mobile money tells the product about a payment, and everything that goes wrong on the way. Moves no money."""

import threading
from collections import Counter
from collections.abc import Mapping
from typing import Any

from gateway.simulator.faults import FaultPlan
from gateway.simulator.money_book import Receipt
from gateway.simulator.postman import Postman
from gateway.simulator.wire import ProductLine

SENDER = "mobile money"


class Callbacks:
    """Posts callbacks; each may be lost, doubled, late, or overtaken, by the fault plan."""

    def __init__(self, line: ProductLine, postman: Postman, faults: FaultPlan) -> None:
        self.line, self.faults = line, faults
        self._postman = postman
        self._lock = threading.Lock()
        self.counts: Counter[str] = Counter()
        self._numbers: Counter[str] = Counter()

    def told_amount(self, receipt: Receipt) -> int:
        """What every callback says about this payment."""
        is_wrong = self.faults.happens(self.faults.wrong_amount_percent, "amount", receipt.label)
        return receipt.amount * self.faults.wrong_amount_factor if is_wrong else receipt.amount

    def is_untold(self, receipt: Receipt) -> bool:
        """Whether no callback says anything about this payment."""
        return self.faults.happens(self.faults.payments_untold_percent, "untold", receipt.label)

    def post(self, kind: str, url: str, value: Mapping[str, Any], label: str) -> None:
        """Post one callback of this kind, or not. `label` is what it is about: the same in every run of one plan."""
        with self._lock:
            self._numbers[f"{kind}:{label}"] += 1
            name = f"{kind}:{label}:{self._numbers[f'{kind}:{label}']}"
        faults = self.faults
        if kind in faults.callbacks_lost or faults.happens(faults.callbacks_lost_percent, "lost", name):
            self._count(f"{kind} lost")
            return
        copies = faults.callback_copies
        if faults.happens(faults.callbacks_twice_percent, "twice", name):
            self._count(f"{kind} doubled")
            copies += 1
        for copy in range(copies):
            delay = faults.callback_delay_seconds
            delay += faults.callback_scatter_seconds * faults.draw("scatter", name, copy)
            if faults.happens(faults.callbacks_late_percent, "late", name, copy):
                self._count(f"{kind} late")
                delay += faults.callback_late_seconds
            self._postman.post(lambda: self._send(kind, url, value), after_seconds=delay)

    def post_about(self, receipt: Receipt, kind: str, url: str, value: Mapping[str, Any]) -> None:
        """Post one callback about a payment, unless nobody is told of it at all."""
        if self.is_untold(receipt):
            self._count(f"{kind} untold")
        else:
            self.post(kind, url, value, receipt.label)

    def _send(self, kind: str, url: str, value: Mapping[str, Any]) -> None:
        """Once: mobile money promises no second try."""
        answer = self.line.post_json(SENDER, url, value)
        self._count(f"{kind} {'taken' if answer.is_taken else 'refused' if answer.status else 'unanswered'}")

    def _count(self, what: str) -> None:
        with self._lock:
            self.counts[what] += 1
