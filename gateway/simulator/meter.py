"""A prepaid electricity meter: keypad, display, memory of used tokens. Encryption algorithm 11 under DKGA04 only.

It knows its own decoder key and nothing of the vending side. `facts` are what is printed in a meter's papers.
"""

import bisect
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from gateway.simulator.decoder_key import derive_decoder_key
from gateway.simulator.frames import read_credit
from gateway.simulator.misty1 import Misty1

DEFAULT_TID_STORE_DEPTH = 50


class Word(StrEnum):
    """What the display says about twenty digits."""

    ACCEPT = "ACCEPT"
    USED = "USED"
    OLD = "OLD"
    REJECT = "REJECT"


@dataclass(frozen=True)
class MeterAnswer:
    """`energy_kwh_tenths` is what this token added: 0 unless the word is ACCEPT."""

    word: Word
    energy_kwh_tenths: int
    balance_tenths: int


@dataclass(frozen=True)
class MeterFacts:
    """What names a meter and its key. `base` is the two-digit year of the base date."""

    drn: str
    meter_pan: str
    sgc: str
    krn: int
    kt: int
    ti: int
    base: int

    @classmethod
    def read(cls, facts: Mapping[str, Any]) -> "MeterFacts":
        """From the demo's facts. Raises `ValueError` for a meter that this one cannot be (other algorithms)."""
        if int(facts["ea"]) != 11 or int(facts["dkga"]) != 4:
            raise ValueError("the virtual meter knows EA 11 under DKGA 04 only")
        numbers = {name: int(facts[name]) for name in ("krn", "kt", "ti")}
        base = int(facts["base"]) % 100
        return cls(str(facts["drn"]), str(facts["meter_pan"]), str(facts["sgc"]).zfill(6), base=base, **numbers)


class VirtualMeter:
    """One meter. Thread-safe: two people may press keys at once, and a token still counts once."""

    def __init__(
        self,
        facts: MeterFacts,
        vending_key: bytes,
        *,
        manufactured_tid: int = 0,
        store_depth: int = DEFAULT_TID_STORE_DEPTH,
    ) -> None:
        """`manufactured_tid` fills the whole store, as the factory does, so older tokens are OLD from the start."""
        self.facts = facts
        self.cipher = Misty1(
            derive_decoder_key(
                vending_key,
                meter_pan=facts.meter_pan,
                sgc=facts.sgc,
                kt=facts.kt,
                krn=facts.krn,
                ti=facts.ti,
                base=facts.base,
            )
        )
        self._tids = [manufactured_tid] * store_depth
        self._balance_tenths = 0
        self._lock = threading.Lock()

    def type_digits(self, text: str) -> MeterAnswer:
        """Press the keys. Spaces and hyphens are how people read digits out and count for nothing.

        A TID in the store is USED, one older than the oldest in it is OLD; any other is new, in whatever order entered.
        """
        frame = read_credit("".join(text.split()).replace("-", ""), self.cipher)
        with self._lock:
            if frame is None:
                return self._answer(Word.REJECT)
            if frame.tid in self._tids:
                return self._answer(Word.USED)
            if frame.tid < self._tids[0]:
                return self._answer(Word.OLD)
            bisect.insort(self._tids, frame.tid)
            del self._tids[0]
            self._balance_tenths += frame.energy_kwh_tenths
            return self._answer(Word.ACCEPT, frame.energy_kwh_tenths)

    def _answer(self, word: Word, energy_kwh_tenths: int = 0) -> MeterAnswer:
        return MeterAnswer(word, energy_kwh_tenths, self._balance_tenths)

    @property
    def balance_tenths(self) -> int:
        return self._balance_tenths

    def memory(self) -> dict[str, Any]:
        """What a meter keeps without power, to be given to `remember` after a restart."""
        with self._lock:
            return {"tids": list(self._tids), "balance_tenths": self._balance_tenths}

    def remember(self, memory: Mapping[str, Any]) -> None:
        """Take up what `memory` gave."""
        with self._lock:
            self._tids = sorted(int(tid) for tid in memory["tids"])
            self._balance_tenths = int(memory["balance_tenths"])
