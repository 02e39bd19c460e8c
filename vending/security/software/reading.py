"""Tokens read as their meters would read them: one, or at once all of a batch that have a vending key in common."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from vending.kernel.errors import DomainError
from vending.security.ports import DecodedToken, SecurityModuleUnavailable, VerifyRequest
from vending.security.software.call import Call, decoder_key_of
from vending.sts.bulk import LEAST_BATCH, decode_tokens
from vending.sts.credit import check_may_vend_credit
from vending.sts.frame import CREDIT_CLASS, TEST_CLASS, split_digits
from vending.sts.identifiers import KeyType
from vending.sts.key_change import Section1, Section2, Section3, Section4
from vending.sts.many_decoder_keys import derive_decoder_keys
from vending.sts.tokens import AnyToken, decode_token


def read_token(call: Call, request: VerifyRequest) -> DecodedToken:
    meter = request.meter
    token_class, _ = split_digits(request.digits)
    if token_class == TEST_CLASS:
        return decode_token(request.digits, cipher=None, decoder_key=b"")
    if token_class == CREDIT_CLASS:
        check_may_vend_credit(meter.kt)
    cipher = call.cipher(meter.ea)
    decoder_key = decoder_key_of(call.open(meter), meter)
    return _without_key_part(decode_token(request.digits, cipher=cipher, decoder_key=decoder_key))


def read_together(call: Call, requests: Sequence[VerifyRequest]) -> dict[int, DecodedToken | DomainError]:
    """What `read_token` gives or raises, by the place of the request, for those that gain by being read together.

    They have a unique key and TI in common, and are so many that `vending.sts.bulk` is faster. Where anything stands
    against all of them, or a MeterPAN is wrong, they are left out: one by one, `read_token` says what it is.
    """
    groups: defaultdict[tuple[object, ...], list[int]] = defaultdict(list)
    for place, request in enumerate(requests):
        meter = request.meter
        groups[meter.ea, meter.sgc, meter.krn, meter.kt, meter.ti].append(place)
    read: dict[int, DecodedToken | DomainError] = {}
    for places in groups.values():
        some = [requests[place] for place in places]
        if len(some) >= LEAST_BATCH and some[0].meter.kt == KeyType.DUTK:
            try:
                read.update(zip(places, _read_group(call, some), strict=True))
            except SecurityModuleUnavailable:
                raise
            except DomainError:
                continue
    return read


def _read_group(call: Call, requests: Sequence[VerifyRequest]) -> list[DecodedToken | DomainError]:
    meter = requests[0].meter
    cipher = call.cipher(meter.ea)
    vending_key = call.open(meter)
    decoder_keys = derive_decoder_keys(
        dkga=vending_key.dkga,
        secret=vending_key.secret,
        base_date=vending_key.base_date,
        ea=meter.ea,
        meter_pans=[request.meter.meter_pan for request in requests],
        sgc=meter.sgc,
        krn=meter.krn,
        kt=meter.kt,
        ti=meter.ti,
    )
    tokens = decode_tokens([request.digits for request in requests], cipher=cipher, decoder_keys=decoder_keys)
    return [token if isinstance(token, DomainError) else _without_key_part(token) for token in tokens]


def _without_key_part(token: AnyToken) -> DecodedToken:
    if isinstance(token, Section1 | Section2 | Section3 | Section4):
        return replace(token, key_part=0)
    return token
