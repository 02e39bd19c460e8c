"""Cases about whole tokens of any class: the 20 digits from their fields, and the fields from the digits."""

import dataclasses
from collections.abc import Callable, Mapping

from vending.sts.amounts import amount_for, tenths_of
from vending.sts.credit import UnitCredit, encode_credit
from vending.sts.currency import CurrencyCredit, currency_field_for, encode_currency, hundred_thousandths_of
from vending.sts.errors import AmountOutOfRange, TokenCrcWrong, UnsupportedToken
from vending.sts.fields import check_bits
from vending.sts.frame import CREDIT_CLASS, MANAGEMENT_CLASS, TEST_CLASS, seal_token, split_digits
from vending.sts.management import Management, ManagementSubclass
from vending.sts.meter_test import MeterTest, encode_meter_test
from vending.sts.tid import check_key_not_expired
from vending.sts.tokens import AnyToken, decode_token
from vending.vectors.decimals import steps_in, text_of
from vending.vectors.decoder_keys import MeterKey, meter_key_in
from vending.vectors.errors import InputMissing, InputsContradict
from vending.vectors.inputs import Inputs
from vending.vectors.numbers import tid_in

Fields = dict[str, object]

_LIMITS = (ManagementSubclass.SET_MAXIMUM_POWER_LIMIT, ManagementSubclass.SET_MAXIMUM_PHASE_POWER_UNBALANCE_LIMIT)
_UNIT_SUBCLASSES, _CURRENCY_SUBCLASSES = range(4), range(4, 8)
_CURRENCY_DECIMALS = 5


def token(inputs: Inputs) -> str:
    """The 20 digits of a token of class 0, 1 or 2 (key changes are `kct` and `kct_section`)."""
    token_class, subclass = inputs.integer("class"), inputs.integer("subclass")
    if token_class == TEST_CLASS:
        return encode_meter_test(subclass=subclass, control=inputs.integer("control"), mfr=inputs.integer("mfr"))
    if token_class == CREDIT_CLASS and subclass in _UNIT_SUBCLASSES:
        return _unit_credit(inputs, subclass)
    if token_class == CREDIT_CLASS and subclass in _CURRENCY_SUBCLASSES:
        return _currency_credit(inputs, subclass)
    if token_class == MANAGEMENT_CLASS and subclass in list(ManagementSubclass):
        return _management(inputs, subclass)
    raise UnsupportedToken("no token of this class and subclass is made of fields", field="subclass")


def token_decode(inputs: Inputs) -> Fields:
    """The fields of a token, read under the key of its meter; a token of class 1 needs no key."""
    digits = inputs.text("token")
    token_class, _ = split_digits(digits)
    if token_class == TEST_CLASS:
        return fields_of(decode_token(digits, cipher=None, decoder_key=b""))
    meter = meter_key_in(inputs)
    try:
        return fields_of(decode_token(digits, cipher=meter.cipher, decoder_key=meter.decoder_key))
    except TokenCrcWrong as refusal:
        if inputs.remarks.used_sample_tables:
            raise TokenCrcWrong(f"{refusal}; EA 07 was read with the sample tables", field="digits") from None
        raise


def fields_of(decoded: AnyToken) -> Fields:
    """`class`, `subclass` and the fields of the kind. `field` is bits 31 to 16 as they stand, whatever they mean."""
    return {"class": decoded.token_class, "subclass": decoded.subclass} | _own_fields(decoded)


def _unit_credit(inputs: Inputs, subclass: int) -> str:
    field = _one_of(
        inputs,
        {
            "amount": lambda: amount_for(_tenths_in(inputs)),
            "units": lambda: amount_for(inputs.integer("units")),
            "field": lambda: inputs.integer("field"),
        },
    )
    rnd, (meter, tid) = inputs.integer("rnd"), _meter_and_tid(inputs)
    return encode_credit(
        subclass=subclass,
        tid=tid,
        rnd=rnd,
        amount_field=field,
        cipher=meter.cipher,
        decoder_key=meter.decoder_key,
    )


def _currency_credit(inputs: Inputs, subclass: int) -> str:
    hundred_thousandths = steps_in(inputs.text("amount"), 10**_CURRENCY_DECIMALS, "amount")
    meter, tid = _meter_and_tid(inputs)
    return encode_currency(
        subclass=subclass,
        tid=tid,
        amount_field=currency_field_for(hundred_thousandths),
        cipher=meter.cipher,
        decoder_key=meter.decoder_key,
    )


def _management(inputs: Inputs, subclass: int) -> str:
    """Sealed here and not by `encode_management`: a case may try a register that no meter has."""
    readers: dict[str, Callable[[], int]] = {"field": lambda: inputs.integer("field")}
    if subclass in _LIMITS:
        readers["power_w"] = lambda: amount_for(inputs.integer("power_w"))
        readers["units"] = lambda: amount_for(inputs.integer("units"))
    field, rnd = _one_of(inputs, readers), inputs.integer("rnd")
    check_bits(field, 16, "field")
    check_bits(rnd, 4, "rnd")
    meter, tid = _meter_and_tid(inputs)
    body = subclass << 44 | rnd << 40 | tid << 16 | field
    return seal_token(MANAGEMENT_CLASS, body, cipher=meter.cipher, decoder_key=meter.decoder_key)


def _meter_and_tid(inputs: Inputs) -> tuple[MeterKey, int]:
    """The meter, and the TID, which no KEN that the inputs name may forbid."""
    meter = meter_key_in(inputs)
    tid = tid_in(inputs, meter.base_date)
    for ken in (inputs.optional(inputs.integer, "ken"), meter.ken):
        if ken is not None:
            check_key_not_expired(tid, ken)
    return meter, tid


def _tenths_in(inputs: Inputs) -> int:
    amount = inputs.text("amount")
    if amount.startswith("-"):
        raise AmountOutOfRange("an amount of units is not negative", field="amount")
    return steps_in(amount, 10, "amount")


def _one_of(inputs: Inputs, readers: Mapping[str, Callable[[], int]]) -> int:
    """The 16-bit field, said in one of these ways, or in several that agree."""
    fields = {read() for name, read in readers.items() if inputs.has(name)}
    if not fields:
        raise InputMissing(f"{' or '.join(readers)} is missing", field=next(iter(readers)))
    if len(fields) > 1:
        raise InputsContradict(f"{', '.join(readers)} do not agree", field=next(iter(readers)))
    return fields.pop()


def _own_fields(decoded: AnyToken) -> Fields:
    match decoded:
        case UnitCredit(tid=tid, rnd=rnd, amount_field=field):
            return {"tid": tid, "rnd": rnd, "units": tenths_of(field), "field": field}
        case CurrencyCredit(tid=tid, amount_field=field):
            amount = text_of(hundred_thousandths_of(field), _CURRENCY_DECIMALS)
            return {"tid": tid, "amount": amount, "field": field & 0xFFFF}
        case MeterTest(control=control, mfr=mfr):
            return {"control": control, "mfr": mfr}
        case Management(subclass=subclass, tid=tid, rnd=rnd, field=field):
            limit: Fields = {"units": tenths_of(field)} if subclass in _LIMITS else {}
            return {"tid": tid, "rnd": rnd} | limit | {"field": field}
        case _:  # a section of a key change: every field of it, in the order of its bits
            return {name.name: getattr(decoded, name.name) for name in dataclasses.fields(decoded)}
