"""The meters on the wall: made from the demo's facts as a factory would, and kept over a restart in one file."""

import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from gateway.simulator.errors import WorldError
from gateway.simulator.meter import MeterAnswer, MeterFacts, VirtualMeter, Word
from gateway.simulator.meter.registers import CreditLimits
from gateway.simulator.meter.sta_tables import SAMPLE_TABLES, SubstitutionTables
from gateway.simulator.meter.tid_store import USUAL_DEPTH

# The published compliance vending keys by DKGA. The meters of the demo were "made" with them; no real meter is.
DEMO_VENDING_KEYS = {2: bytes.fromhex("ab" * 8), 4: bytes.fromhex("ab" * 8 + "94" * 8 + "01234567")}
DEMO_KEY_KRN = 1
MANUFACTURED = datetime(2025, 1, 1, tzinfo=UTC)
_BASE_YEARS = {93: 1993, 14: 2014, 35: 2035}


@dataclass(frozen=True)
class Factory:
    """How every meter here is built. A meter's own facts may name `tid_store_depth` and `greatest_credit_tenths`."""

    store_depth: int = USUAL_DEPTH
    sta_tables: SubstitutionTables = SAMPLE_TABLES

    def build(self, fact: Mapping[str, Any]) -> VirtualMeter:
        """Raises `WorldError` for a key that no demo meter has, `ValueError` for facts that are no meter's."""
        facts = MeterFacts.read(fact)
        if facts.krn != DEMO_KEY_KRN or facts.base not in _BASE_YEARS:
            raise WorldError("the demo's meters were made with key revision 1 only")
        usual = CreditLimits()
        limits = replace(usual, units_tenths=int(fact.get("greatest_credit_tenths", usual.units_tenths)))
        return VirtualMeter(
            facts,
            DEMO_VENDING_KEYS[facts.dkga],
            manufactured_tid=_manufactured_tid(facts.base),
            store_depth=int(fact.get("tid_store_depth", self.store_depth)),
            limits=limits,
            sta_tables=self.sta_tables,
        )


def _manufactured_tid(base: int) -> int:
    """0 under a base date that is still to come."""
    return max((MANUFACTURED - datetime(_BASE_YEARS[base], 1, 1, tzinfo=UTC)) // timedelta(minutes=1), 0)


class MeterShelf:
    """Every meter of the demo by its DRN. With a file, meters remember their tokens over a restart of this process."""

    def __init__(
        self, facts: list[dict[str, Any]], memory_file: Path | None = None, factory: Factory | None = None
    ) -> None:
        factory = factory or Factory()
        self._meters = {str(fact["drn"]): factory.build(fact) for fact in facts}
        self._memory_file = memory_file
        self._lock = threading.Lock()
        if memory_file and memory_file.exists():
            for drn, memory in json.loads(memory_file.read_text()).items():
                if drn in self._meters:
                    self._meters[drn].remember(memory)

    def get(self, drn: str) -> VirtualMeter:
        """Raises `WorldError` for a meter that does not hang on this wall."""
        try:
            return self._meters[drn]
        except KeyError:
            raise WorldError("no such meter here") from None

    def type_digits(self, drn: str, text: str) -> MeterAnswer:
        """Press a meter's keys; what it took is on the disk before the answer is shown."""
        answer = self.get(drn).type_digits(text)
        if self._memory_file and answer.word is Word.ACCEPT:
            with self._lock:
                fresh = self._memory_file.with_suffix(".new")
                fresh.touch(mode=0o600)
                fresh.write_text(json.dumps({name: each.memory() for name, each in self._meters.items()}))
                fresh.replace(self._memory_file)
        return answer
