"""What is printed in a meter's papers: its names, its key's attributes, its algorithms."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

# Decoder keys of 8 octets (DKGA 02) fit EA 07 and 09; DKGA 04 makes 8 or 16.
ALGORITHMS = frozenset({(2, 7), (2, 9), (4, 7), (4, 11)})
_INDUSTRY_WITH_TWO_DIGIT_MAKERS = "600727"


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
    ken: int = 255
    ea: int = 11
    dkga: int = 4

    def __post_init__(self) -> None:
        if (self.dkga, self.ea) not in ALGORITHMS:
            raise ValueError(
                f"the virtual meter knows EA 07 and 09 under DKGA 02, EA 07 and 11 under DKGA 04, "
                f"not EA {self.ea:02d} under DKGA {self.dkga:02d}"
            )

    @classmethod
    def read(cls, facts: Mapping[str, Any]) -> "MeterFacts":
        """From the demo's facts. Raises `ValueError` for a meter that this one cannot be (other algorithms)."""
        numbers = {name: int(facts[name]) for name in ("krn", "kt", "ti", "ea", "dkga")}
        return cls(
            str(facts["drn"]),
            str(facts["meter_pan"]),
            str(facts["sgc"]).zfill(6),
            base=int(facts["base"]) % 100,
            ken=int(facts.get("ken", 255)),
            **numbers,
        )

    @property
    def manufacturer_code(self) -> str:
        """Two or four digits, as the MeterPAN has them."""
        if self.meter_pan.startswith(_INDUSTRY_WITH_TWO_DIGIT_MAKERS):
            return self.meter_pan[6:8]
        return self.meter_pan[4:8]
