"""The decoder key that a meter holds, and what came with it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from gateway.simulator.meter.decoder_key import derive_decoder_key
from gateway.simulator.meter.facts import MeterFacts

_KT_DEFAULT, _KT_COMMON = 1, 3


@dataclass(frozen=True)
class KeyState:
    """A key-change set replaces all of it at once. The base date is nowhere here: no token tells it to a meter."""

    decoder_key: bytes = field(repr=False)
    sgc: str
    krn: int
    kt: int
    ti: int
    ken: int

    @classmethod
    def of_factory(cls, facts: MeterFacts, vending_key: bytes) -> "KeyState":
        decoder_key = derive_decoder_key(vending_key, facts)
        return cls(decoder_key, facts.sgc, facts.krn, facts.kt, facts.ti, facts.ken)

    @property
    def takes_credit(self) -> bool:
        """Not under a default key; under a common key only from a magnetic card, and this meter has a keypad."""
        return self.kt not in (_KT_DEFAULT, _KT_COMMON)

    def has_expired_for(self, tid: int) -> bool:
        """The top eight bits of a TID may not pass the KEN; 255 never expires."""
        return tid >> 16 > self.ken

    def memory(self) -> dict[str, Any]:
        return asdict(self) | {"decoder_key": self.decoder_key.hex()}

    @classmethod
    def remember(cls, memory: Mapping[str, Any]) -> "KeyState":
        """Take up what `memory` gave."""
        return cls(**{**memory, "decoder_key": bytes.fromhex(memory["decoder_key"])})
