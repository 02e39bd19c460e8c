"""The meter itself: keys are pressed, it answers one word. It knows its decoder key, nothing of the vending side."""

import threading
from collections.abc import Callable, Mapping
from typing import Any

from gateway.simulator.meter.ciphers import BlockCipher, build_cipher
from gateway.simulator.meter.displays import Shown, display_of
from gateway.simulator.meter.facts import MeterFacts
from gateway.simulator.meter.key_change import SectionTray
from gateway.simulator.meter.key_state import KeyState
from gateway.simulator.meter.registers import CreditLimits, Registers
from gateway.simulator.meter.sta_tables import SAMPLE_TABLES, SubstitutionTables
from gateway.simulator.meter.tid_store import USUAL_DEPTH, TidStore
from gateway.simulator.meter.tokens import Currency, DisplayRequest, Order, Section, Units, read_token
from gateway.simulator.meter.words import MeterAnswer, Word


class VirtualMeter:
    """One meter. Thread-safe: two people may press keys at once, and a token still counts once."""

    def __init__(
        self,
        facts: MeterFacts,
        vending_key: bytes,
        *,
        manufactured_tid: int = 0,
        store_depth: int = USUAL_DEPTH,
        limits: CreditLimits | None = None,
        sta_tables: SubstitutionTables = SAMPLE_TABLES,
    ) -> None:
        """As the factory makes it. Raises `ValueError` for a vending key of the wrong length and an empty TID store."""
        self.facts = facts
        self.registers = Registers()
        self._limits = limits or CreditLimits()
        self._sta_tables = sta_tables
        self._store = TidStore(store_depth, manufactured_tid)
        self._lock = threading.Lock()
        self._hold(KeyState.of_factory(facts, vending_key))
        self._tray = SectionTray(len(self.held.decoder_key))

    def _hold(self, held: KeyState) -> None:
        self.held = held
        self.cipher: BlockCipher = build_cipher(self.facts.ea, held.decoder_key, self._sta_tables)

    def type_digits(self, text: str) -> MeterAnswer:
        """Press the keys. Spaces and hyphens are how people read digits out and count for nothing."""
        digits = "".join(text.split()).replace("-", "")
        with self._lock:
            match read_token(digits, self.cipher):
                case Units() as token:
                    return self._load_units(token)
                case Currency() as token:
                    return self._answer(self._load(token))
                case Order() as order:
                    return self._answer(self._enter_once(order.tid, lambda: self.registers.obey(order)))
                case Section() as section:
                    return self._answer(self._collect(section))
                case DisplayRequest() as request:
                    return self._show(request)
            return self._answer(Word.REJECT)

    def _load_units(self, token: Units) -> MeterAnswer:
        word = self._load(token)
        has_more_electricity = word is Word.ACCEPT and token.subclass == 0
        return self._answer(word, token.tenths if has_more_electricity else 0)

    def _load(self, token: Units | Currency) -> Word:
        if not self.held.takes_credit:
            return Word.REJECT
        return self._enter_once(token.tid, lambda: self.registers.credit(token, self._limits))

    def _enter_once(self, tid: int, effect: Callable[[], Word]) -> Word:
        """USED, OLD or an expired key, else the effect's own word. Only what took effect is remembered as used."""
        if self.held.has_expired_for(tid):
            return Word.REJECT
        word = self._store.judge(tid)
        if word is Word.ACCEPT:
            word = effect()
            if word is Word.ACCEPT:
                self._store.keep(tid)
        return word

    def _collect(self, section: Section) -> Word:
        """The old key holds until the set is whole; from then on its tokens are another meter's."""
        if not self._tray.put(section):
            return Word.REJECT
        if change := self._tray.take_whole(self.held):
            held, clears_tids = change
            self._hold(held)
            if clears_tids:
                self._store.clear()
        return Word.ACCEPT

    def _show(self, request: DisplayRequest) -> MeterAnswer:
        display = display_of(request, Shown(self.facts, self.held, self.registers))
        if display is None:
            return self._answer(Word.REJECT)
        return MeterAnswer(Word.ACCEPT, 0, self.balance_tenths, display)

    def _answer(self, word: Word, energy_kwh_tenths: int = 0) -> MeterAnswer:
        return MeterAnswer(word, energy_kwh_tenths, self.balance_tenths)

    @property
    def balance_tenths(self) -> int:
        """Electricity units left."""
        return self.registers.units[0]

    def tamper(self) -> None:
        """Somebody opens the case. A token clears it."""
        with self._lock:
            self.registers.is_tampered = True

    def memory(self) -> dict[str, Any]:
        """What a meter keeps without power, to be given to `remember` after a restart."""
        with self._lock:
            return {
                "tids": self._store.memory(),
                "registers": self.registers.memory(),
                "key": self.held.memory(),
                "sections": self._tray.memory(),
            }

    def remember(self, memory: Mapping[str, Any]) -> None:
        """Take up what `memory` gave. Of an older one, with TIDs and balance only, the key stays the factory's."""
        with self._lock:
            self._store.remember([int(tid) for tid in memory["tids"]])
            if "registers" not in memory:
                self.registers.units[0] = int(memory["balance_tenths"])
                return
            self.registers = Registers.remember(memory["registers"])
            self._hold(KeyState.remember(memory["key"]))
            self._tray.remember(memory["sections"])
