"""Key-change sections as a meter collects them, in any order: two or three for a key of 8 octets, four for one of 16.

A section does not say which set it belongs to. The rule here:

- There is one place for each section number. The same section again changes nothing.
- A section that cannot be of one set with those collected starts anew: they are dropped and it stays alone. That is so
  when its number is there with another content, when a set of two would have a third section, and when the two halves
  of an SGC would make a number above 999999.
- So two sets that never meet in one number can be mixed up. Whoever begins a set again enters all of it.
"""

from collections.abc import Mapping
from dataclasses import replace

from gateway.simulator.meter.key_state import KeyState
from gateway.simulator.meter.tokens import Section

_LAST_SGC = 999_999
_LONG_KEY_OCTETS = 16


class SectionTray:
    """The sections of a key change that has not come together yet. `key_octets` is what the meter's cipher takes."""

    def __init__(self, key_octets: int) -> None:
        self._takes_long_keys = key_octets == _LONG_KEY_OCTETS
        self._sections: dict[int, Section] = {}

    def put(self, section: Section) -> bool:
        """Keep a section. False for one that no set of this meter's can have; nothing is dropped for it."""
        if not self._is_possible(section):
            return False
        together = self._sections | {section.number: section}
        known = self._sections.get(section.number, section)
        is_one_set = known == section and self._belong_together(together)
        self._sections = together if is_one_set else {section.number: section}
        return True

    def take_whole(self, current: KeyState) -> tuple[KeyState, bool] | None:
        """The new key and whether TIDs are to be forgotten, once; None while sections are missing."""
        if not self._is_whole():
            return None
        sections, self._sections = self._sections, {}
        first, second = sections[1], sections[2]
        changed = replace(
            current,
            decoder_key=self._key_of(sections),
            krn=first.krn,
            kt=first.kt,
            ti=second.ti,
            ken=first.ken_part << 4 | second.ken_part,
            sgc=self._sgc_of(sections, current.sgc),
        )
        return changed, first.clears_tids

    def _is_possible(self, section: Section) -> bool:
        match section.number:
            case 1:
                return 1 <= section.krn <= 9 and not (section.is_of_three and self._takes_long_keys)
            case 2:
                return section.ti <= 99
            case 3 if not self._takes_long_keys:
                has_zeros_below = section.whole_sgc << 20 == section.body
                return has_zeros_below and section.whole_sgc <= _LAST_SGC
        return self._takes_long_keys

    def _belong_together(self, sections: Mapping[int, Section]) -> bool:
        if self._takes_long_keys:
            return not {3, 4} <= sections.keys() or _joined_sgc(sections) <= _LAST_SGC
        return not {1, 3} <= sections.keys() or sections[1].is_of_three

    def _is_whole(self) -> bool:
        if self._takes_long_keys:
            return len(self._sections) == 4
        return {1, 2} <= self._sections.keys() and (3 in self._sections) == self._sections[1].is_of_three

    def _key_of(self, sections: Mapping[int, Section]) -> bytes:
        numbers = (1, 3, 4, 2) if self._takes_long_keys else (1, 2)
        return b"".join(sections[number].key_part.to_bytes(4, "big") for number in numbers)

    def _sgc_of(self, sections: Mapping[int, Section], current: str) -> str:
        """A set of two carries no SGC: the meter goes on showing the one it knew."""
        if self._takes_long_keys:
            return f"{_joined_sgc(sections):06d}"
        return f"{sections[3].whole_sgc:06d}" if 3 in sections else current

    def memory(self) -> list[list[int]]:
        return [[section.number, section.body] for section in self._sections.values()]

    def remember(self, memory: list[list[int]]) -> None:
        """Take up what `memory` gave."""
        self._sections = {number: Section(number, body) for number, body in memory}


def _joined_sgc(sections: Mapping[int, Section]) -> int:
    return sections[4].sgc_part << 12 | sections[3].sgc_part
