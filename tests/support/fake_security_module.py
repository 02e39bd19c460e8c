"""A security module without cryptography that keeps the same promises: `tests/contracts/test_security_module.py`.

Its digits are the fields and a check over them and the meter's facts, masked by those facts: any instance reads them
back, and only for the same meter.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from vending.kernel.errors import DomainError
from vending.security.ports import (
    CreditRequest,
    DecodedToken,
    MeterKeyFacts,
    SecurityModuleUnavailable,
    VendingKeyMissing,
    VerifyRequest,
)
from vending.sts.credit import check_may_vend_credit
from vending.sts.errors import FieldOutOfRange, TokenCrcWrong, TokenMalformed, UnsupportedAlgorithm, UnsupportedToken
from vending.sts.identifiers import check_pan_is_intact
from vending.sts.tid import check_key_not_expired

KenByVendingKey = Mapping[tuple[str, int, int], int]


@dataclass
class FakeSecurityModule:
    """`kens` holds the KEN of each vending key by (SGC, KRN, KT). The switches may be turned at any time."""

    kens: KenByVendingKey
    is_unavailable: bool = False
    adds_units: int = 0  # how many units more than asked for go into each token: a module gone wrong
    asked: list[CreditRequest | VerifyRequest] = field(default_factory=list)

    name = "fake"

    def credit(self, requests: Sequence[CreditRequest]) -> list[str | DomainError]:
        self.health()
        self.asked += requests
        return [self._credit_one(request) for request in requests]

    def verify(self, requests: Sequence[VerifyRequest]) -> list[DecodedToken | DomainError]:
        self.health()
        self.asked += requests
        return [self._verify_one(request) for request in requests]

    def health(self) -> None:
        if self.is_unavailable:
            raise SecurityModuleUnavailable("the module does not answer")

    def _credit_one(self, request: CreditRequest) -> str | DomainError:
        try:
            self._check_may_vend(request.meter, request.tid)
            given = replace(request, amount_field=request.amount_field + self.adds_units)
            return f"{_sealed(request.meter, _body(given)):020d}"
        except DomainError as refusal:
            return refusal

    def _verify_one(self, request: VerifyRequest) -> DecodedToken | DomainError:
        try:
            self._check_may_vend(request.meter, 0)
            body = _opened(request.meter, request.digits)
            token = DecodedToken(0, body >> 44, body >> 16 & 0xFFFFFF, body >> 40 & 0xF, body & 0xFFFF)
            self._check_may_vend(request.meter, token.tid)
            return token
        except DomainError as refusal:
            return refusal

    def _check_may_vend(self, meter: MeterKeyFacts, tid: int) -> None:
        ken = self.kens.get((meter.sgc, meter.krn, meter.kt))
        if ken is None:
            raise VendingKeyMissing("no such vending key")
        check_may_vend_credit(meter.kt)
        check_key_not_expired(tid, ken)
        check_pan_is_intact(meter.meter_pan)
        if meter.ea != 11:
            raise UnsupportedAlgorithm("only EA 11", field="ea")


def _body(request: CreditRequest) -> int:
    if request.subclass not in range(4):
        raise UnsupportedToken("not credit in units", field="subclass")
    if request.tid >> 24 or request.rnd >> 4 or request.amount_field >> 16:
        raise FieldOutOfRange("a field has too many bits", field="credit")
    return request.subclass << 44 | request.rnd << 40 | request.tid << 16 | request.amount_field


def _sealed(meter: MeterKeyFacts, body: int) -> int:
    return (body << 16 | _hashed(meter, body) & 0xFFFF) ^ _hashed(meter)


def _opened(meter: MeterKeyFacts, digits: str) -> int:
    if len(digits) != 20 or not (digits.isascii() and digits.isdigit()) or int(digits) >> 66:
        raise TokenMalformed("no token", field="digits")
    block = int(digits) ^ _hashed(meter)
    if _sealed(meter, block >> 16) != int(digits):
        raise TokenCrcWrong("not for this meter", field="digits")
    return block >> 16


def _hashed(*facts: object) -> int:
    return int.from_bytes(hashlib.sha256(repr(facts).encode()).digest()[:8], "big")
