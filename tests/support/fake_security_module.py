"""A security module without cryptography that keeps the same promises: `tests/contracts/test_security_module.py`.

Its tokens have the standard's form; its cipher is an XOR with what the meter's facts hash to, so any instance reads the
tokens of another, and only for the same meter. With `keeps_own_tids` it behaves as Prism's TokenApi does.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from vending.kernel.errors import DomainError
from vending.keys.errors import VendingKeyIssueEnded, VendingKeyNotActive
from vending.security.journal import Journal
from vending.security.ports import (
    CreditRequest,
    DecodedToken,
    KeyChangeNeeded,
    KeyChangeNotAllowed,
    KeyChangeRequest,
    KeyDescription,
    Made,
    ManagementRequest,
    MeterKeyFacts,
    MeterTestRequest,
    SecurityModuleUnavailable,
    VendingKeyMissing,
    VerifyRequest,
)
from vending.sts.base_dates import BaseDate
from vending.sts.ciphers import Cipher, cipher_of
from vending.sts.credit import UnitCredit, check_may_vend_credit, encode_credit
from vending.sts.currency import encode_currency
from vending.sts.errors import KeyTypeNotAllowed, UnsupportedAlgorithm
from vending.sts.fields import check_bits
from vending.sts.frame import CREDIT_CLASS, TEST_CLASS, split_digits
from vending.sts.identifiers import TariffIndex, check_pan_is_intact
from vending.sts.key_change import NewKey, Section1, Section2, Section3, Section4, key_change_set
from vending.sts.management import Management, encode_management
from vending.sts.meter_test import encode_meter_test
from vending.sts.tid import check_key_not_expired, moment_of
from vending.sts.tokens import decode_token
from vending.sts.verified import check_verified

KeyName = tuple[str, int, int]
Request = TypeVar("Request")
Answer = TypeVar("Answer")
MadeFrom = TypeVar("MadeFrom", CreditRequest, ManagementRequest, KeyChangeRequest, MeterTestRequest)
AnyRequest = CreditRequest | ManagementRequest | KeyChangeRequest | MeterTestRequest | VerifyRequest

CLOCK_AHEAD_MINUTES = 7
OWN_RND = 9
MOST_REMEMBERED = 100


def described(name: KeyName, ken: int) -> KeyDescription:
    """A running key of DKGA 04 and base date 2014 whose check value nobody knows."""
    sgc, krn, kt = name
    return KeyDescription(
        sgc=sgc,
        krn=krn,
        kt=kt,
        base_date="14",
        dkga=4,
        ken=ken,
        check_value="",
        active_from_at=None,
        issue_until_at=None,
        stopped_at=None,
        stopped_reason="",
        is_verified=True,
        is_published=False,
    )


@dataclass
class FakeSecurityModule:
    """`keys` describes each vending key, or gives its KEN alone. The switches may be turned at any time."""

    keys: Mapping[KeyName, int | KeyDescription]
    is_unavailable: bool = False
    adds_units: int = 0  # how many units more than asked for go into each token: a module gone wrong
    keeps_own_tids: bool = False
    needs_key_change: bool = False
    asked: list[AnyRequest] = field(default_factory=list)
    replayed: list[str] = field(default_factory=list)
    _last_tids: dict[str, int] = field(default_factory=dict)
    _journal: Journal = field(default_factory=lambda: Journal(MOST_REMEMBERED))

    name = "fake"

    @property
    def unread_fields(self) -> frozenset[str]:
        return frozenset({"rnd"} if self.keeps_own_tids else ())

    def credit(self, requests: Sequence[CreditRequest]) -> list[Made | DomainError]:
        return self._make(requests, self._credit)

    def management(self, requests: Sequence[ManagementRequest]) -> list[Made | DomainError]:
        return self._make(requests, self._management)

    def key_change(self, requests: Sequence[KeyChangeRequest]) -> list[Made | DomainError]:
        return self._make(requests, self._key_change)

    def test_display(self, requests: Sequence[MeterTestRequest]) -> list[Made | DomainError]:
        return self._make(requests, _test_display)

    def verify(self, requests: Sequence[VerifyRequest]) -> list[DecodedToken | DomainError]:
        return self._answer(requests, self._verify)

    def describe_keys(self) -> list[KeyDescription]:
        self.health()
        return [self._described(name) for name in sorted(self.keys)]

    def health(self) -> None:
        if self.is_unavailable:
            raise SecurityModuleUnavailable("the module does not answer")

    def replay(self, request_ids: Sequence[str]) -> list[Made | None]:
        self.health()
        self.replayed += request_ids
        return self._journal.find(request_ids)

    def _make(self, requests: Sequence[MadeFrom], make: Callable[[MadeFrom], Made]) -> list[Made | DomainError]:
        answers = self._answer(requests, make)
        pairs = zip(requests, answers, strict=True)
        self._journal.keep((request.request_id, made) for request, made in pairs if isinstance(made, Made))
        return answers

    def _answer(
        self, requests: Sequence[Request], answer_one: Callable[[Request], Answer]
    ) -> list[Answer | DomainError]:
        self.health()
        self.asked += requests  # type: ignore[arg-type]
        return [_answer_or_refusal(answer_one, request) for request in requests]

    def _described(self, name: KeyName) -> KeyDescription:
        known = self.keys.get(name)
        if known is None:
            raise VendingKeyMissing("no such vending key")
        return described(name, known) if isinstance(known, int) else known

    def _key_of(self, meter: MeterKeyFacts) -> KeyDescription:
        vending_key = self._described((meter.sgc, meter.krn, meter.kt))
        check_verified(dkga=vending_key.dkga, ea=meter.ea, kt=meter.kt)
        if vending_key.dkga != 4 and meter.ea == 11:
            raise UnsupportedAlgorithm("no decoder key for EA 11", field="ea")
        check_pan_is_intact(meter.meter_pan)
        TariffIndex(meter.ti)
        return vending_key

    def _tid_for(self, meter: MeterKeyFacts, wished: int) -> int:
        """The one asked for, or one by a clock of its own, and its own memory of the meter."""
        if not self.keeps_own_tids:
            return wished
        tid = max(wished + CLOCK_AHEAD_MINUTES, self._last_tids.get(meter.meter_pan, 0) + 1)
        self._last_tids[meter.meter_pan] = tid
        return tid

    def _opened_for(self, request: CreditRequest | ManagementRequest) -> tuple[KeyDescription, int, int]:
        """The key, the TID and the random field of a token, or what refuses it."""
        vending_key = self._key_of(request.meter)
        check_bits(request.tid, 24, "tid")
        tid = self._tid_for(request.meter, request.tid)
        check_key_not_expired(tid, vending_key.ken)
        moment = moment_of(tid, BaseDate.of(vending_key.base_date))
        if vending_key.active_from_at and moment < vending_key.active_from_at:
            raise VendingKeyNotActive("before ACT")
        if vending_key.issue_until_at and moment > vending_key.issue_until_at:
            raise VendingKeyIssueEnded("after IUT")
        return vending_key, tid, OWN_RND if self.keeps_own_tids else request.rnd

    def _credit(self, request: CreditRequest) -> Made:
        check_may_vend_credit(request.meter.kt)
        cipher, decoder_key = _lock_of(request.meter)
        if self.needs_key_change:
            raise KeyChangeNeeded("the meter has another key than the module thinks it should have")
        vending_key, tid, rnd = self._opened_for(request)
        amount_field = request.amount_field + self.adds_units
        if request.subclass in range(4, 8):
            check_bits(request.rnd, 0, "rnd")
            digits = encode_currency(
                subclass=request.subclass, tid=tid, amount_field=amount_field, cipher=cipher, decoder_key=decoder_key
            )
        else:
            digits = encode_credit(
                subclass=request.subclass,
                tid=tid,
                rnd=rnd,
                amount_field=amount_field,
                cipher=cipher,
                decoder_key=decoder_key,
            )
        return self._made((digits,), vending_key, tid)

    def _management(self, request: ManagementRequest) -> Made:
        _check_not_initial(request.meter)
        cipher, decoder_key = _lock_of(request.meter)
        vending_key, tid, rnd = self._opened_for(request)
        digits = encode_management(
            subclass=request.subclass, tid=tid, rnd=rnd, field=request.field, cipher=cipher, decoder_key=decoder_key
        )
        return self._made((digits,), vending_key, tid)

    def _made(self, digits: tuple[str, ...], vending_key: KeyDescription, tid: int) -> Made:
        return Made(digits, tid=tid if self.keeps_own_tids else None, check_value=vending_key.check_value)

    def _key_change(self, request: KeyChangeRequest) -> Made:
        meter, to = request.meter, request.to
        _check_not_initial(meter)
        if to.kt != 2:
            raise KeyChangeNotAllowed("only to a unique key", field="kt")
        changed = replace(meter, sgc=to.sgc, krn=to.krn, kt=to.kt, ti=to.ti)
        cipher, decoder_key = _lock_of(meter)
        current, new = self._key_of(meter), self._key_of(changed)
        if BaseDate.of(new.base_date).starts_at < BaseDate.of(current.base_date).starts_at:
            raise KeyChangeNotAllowed("back to an earlier base date", field="base_date")
        digits = key_change_set(
            new_key=NewKey(_lock_of(changed)[1], sgc=to.sgc, krn=to.krn, kt=to.kt, ti=to.ti, ken=new.ken),
            rollover=new.base_date != current.base_date,
            three_token=request.three_token,
            cipher=cipher,
            decoder_key=decoder_key,
        )
        return Made(digits, is_rollover=new.base_date != current.base_date, check_value=new.check_value)

    def _verify(self, request: VerifyRequest) -> DecodedToken:
        token_class, _ = split_digits(request.digits)
        if token_class == TEST_CLASS:
            return decode_token(request.digits, cipher=None, decoder_key=b"")
        if token_class == CREDIT_CLASS:
            check_may_vend_credit(request.meter.kt)
        cipher, decoder_key = _lock_of(request.meter)
        self._key_of(request.meter)
        token = decode_token(request.digits, cipher=cipher, decoder_key=decoder_key)
        if isinstance(token, Section1 | Section2 | Section3 | Section4):
            return replace(token, key_part=0)
        if self.keeps_own_tids and isinstance(token, UnitCredit | Management):
            return replace(token, rnd=0)
        return token


def _answer_or_refusal(answer_one: Callable[[Request], Answer], request: Request) -> Answer | DomainError:
    try:
        return answer_one(request)
    except DomainError as refusal:
        return refusal.with_traceback(None)


def _test_display(request: MeterTestRequest) -> Made:
    return Made((encode_meter_test(subclass=request.subclass, control=request.control, mfr=request.mfr),))


def _check_not_initial(meter: MeterKeyFacts) -> None:
    if meter.kt == 0:
        raise KeyTypeNotAllowed("an initialisation key", field="kt")


def _lock_of(meter: MeterKeyFacts) -> tuple[Cipher, bytes]:
    """What stands for the cipher and the decoder key of a meter."""
    real = cipher_of(meter.ea)
    cipher = Cipher(meter.ea, "XOR", real.key_octets, encrypt=_mixed, decrypt=_mixed)
    return cipher, hashlib.sha256(repr(meter).encode()).digest()[: real.key_octets]


def _mixed(decoder_key: bytes, block: int) -> int:
    return block ^ int.from_bytes(decoder_key[:8], "big")
