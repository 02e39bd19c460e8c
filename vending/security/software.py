"""The security module that computes in this process. It is not certified. Vending keys are open for one call only.

It keeps no state and no clock: the caller brings TID and random field, so `credit` is idempotent by its request. It
enforces what the vending key itself says (KT, KEN, DKGA, base date); which keys may be loaded, and by whom, is the
matter of `vending.keys`.
"""

from collections.abc import Callable, Sequence
from typing import TypeVar

from vending.kernel.errors import DomainError
from vending.security.ports import (
    CreditRequest,
    DecodedToken,
    MeterKeyFacts,
    OpenVendingKey,
    SecurityModuleUnavailable,
    VendingKeyOpener,
    VerifyRequest,
)
from vending.sts.credit import CREDIT_CLASS, check_may_vend_credit, decode_credit, encode_credit
from vending.sts.decoder_keys import derive_decoder_key
from vending.sts.known_answers import wrong_answers
from vending.sts.tid import check_key_not_expired

Request = TypeVar("Request", CreditRequest, VerifyRequest)
Answer = TypeVar("Answer", str, DecodedToken)


class SoftwareSecurityModule:
    """Makes and reads credit tokens; meets `vending.security.ports.SecurityModule`.

    `open_vending_key` is called once for each vending key of a batch. What it raises answers the items that need that
    key, except `SecurityModuleUnavailable`, which ends the call. Before its first work the module checks
    `known_answers`.
    """

    name = "software"

    def __init__(
        self, *, open_vending_key: VendingKeyOpener, known_answers: Callable[[], Sequence[str]] = wrong_answers
    ) -> None:
        self._open_vending_key = open_vending_key
        self._known_answers = known_answers
        self._is_tested = False

    def credit(self, requests: Sequence[CreditRequest]) -> list[str | DomainError]:
        """The 20 digits of each, or what refuses it. `SecurityModuleUnavailable` if a known answer is wrong."""
        return self._answer(requests, _credit)

    def verify(self, requests: Sequence[VerifyRequest]) -> list[DecodedToken | DomainError]:
        """Each token as its meter would read it, or what refuses it: `token_crc_wrong` above all.

        `SecurityModuleUnavailable` if a known answer is wrong.
        """
        return self._answer(requests, _verify)

    def health(self) -> None:
        """Check the known answers again; raise `SecurityModuleUnavailable` when one is wrong."""
        self._is_tested = False
        if wrong := self._known_answers():
            raise SecurityModuleUnavailable(f"self-test failed: {', '.join(wrong)}")
        self._is_tested = True

    def _answer(
        self, requests: Sequence[Request], make: Callable[[OpenVendingKey, Request], Answer]
    ) -> list[Answer | DomainError]:
        if not self._is_tested:
            self.health()
        answers: dict[int, Answer | DomainError] = {}
        for (sgc, krn, kt), places in _by_vending_key(requests).items():
            try:
                with self._open_vending_key(sgc=sgc, krn=krn, kt=kt) as vending_key:
                    for place in places:
                        answers[place] = _made_or_refused(make, vending_key, requests[place])
            except SecurityModuleUnavailable:
                raise
            except DomainError as refusal:
                answers.update(dict.fromkeys(places, _without_frames(refusal)))
        return [answers[place] for place in range(len(requests))]


def _by_vending_key(requests: Sequence[Request]) -> dict[tuple[str, int, int], list[int]]:
    places: dict[tuple[str, int, int], list[int]] = {}
    for place, request in enumerate(requests):
        meter = request.meter
        places.setdefault((meter.sgc, meter.krn, meter.kt), []).append(place)
    return places


def _made_or_refused(
    make: Callable[[OpenVendingKey, Request], Answer], vending_key: OpenVendingKey, request: Request
) -> Answer | DomainError:
    try:
        return make(vending_key, request)
    except DomainError as refusal:
        return _without_frames(refusal)


def _without_frames(refusal: DomainError) -> DomainError:
    """Its frames hold keys as local variables, and error pages and logs show those."""
    refusal.__traceback__ = refusal.__context__ = refusal.__cause__ = None
    return refusal


def _credit(vending_key: OpenVendingKey, request: CreditRequest) -> str:
    check_may_vend_credit(request.meter.kt)
    check_key_not_expired(request.tid, vending_key.ken)
    return encode_credit(
        subclass=request.subclass,
        tid=request.tid,
        rnd=request.rnd,
        amount_field=request.amount_field,
        ea=request.meter.ea,
        decoder_key=_decoder_key(vending_key, request.meter),
    )


def _verify(vending_key: OpenVendingKey, request: VerifyRequest) -> DecodedToken:
    meter = request.meter
    check_may_vend_credit(meter.kt)
    read = decode_credit(request.digits, ea=meter.ea, decoder_key=_decoder_key(vending_key, meter))
    check_key_not_expired(read.tid, vending_key.ken)
    return DecodedToken(
        token_class=CREDIT_CLASS, subclass=read.subclass, tid=read.tid, rnd=read.rnd, amount_field=read.amount_field
    )


def _decoder_key(vending_key: OpenVendingKey, meter: MeterKeyFacts) -> bytes:
    return derive_decoder_key(
        dkga=vending_key.dkga,
        secret=vending_key.secret,
        base_date=vending_key.base_date,
        ea=meter.ea,
        meter_pan=meter.meter_pan,
        sgc=meter.sgc,
        krn=meter.krn,
        kt=meter.kt,
        ti=meter.ti,
    )
