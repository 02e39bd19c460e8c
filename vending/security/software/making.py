"""One request into one token or set, with everything that refuses it.

Ciphers and keys come from the call; decoder keys are derived when they are needed and live as long as the function.
"""

from dataclasses import replace
from datetime import datetime

from vending.keys.attributes import check_within_limits, name_of
from vending.security.ports import (
    CreditRequest,
    KeyChangeNotAllowed,
    KeyChangeRequest,
    Made,
    ManagementRequest,
    MeterTestRequest,
    OpenVendingKey,
)
from vending.security.software.call import Call, decoder_key_of
from vending.sts.base_dates import BaseDate
from vending.sts.ciphers import Cipher
from vending.sts.credit import check_may_vend_credit, encode_credit
from vending.sts.currency import ELECTRICITY_CURRENCY, TIME_CURRENCY, encode_currency
from vending.sts.errors import KeyTypeNotAllowed
from vending.sts.fields import check_bits
from vending.sts.identifiers import KeyType
from vending.sts.key_change import NewKey, key_change_set
from vending.sts.management import encode_management
from vending.sts.meter_test import encode_meter_test
from vending.sts.tid import check_key_not_expired, moment_of


def make_credit(call: Call, request: CreditRequest) -> Made:
    check_may_vend_credit(request.meter.kt)
    cipher, vending_key = _opened_for(call, request)
    decoder_key = decoder_key_of(vending_key, request.meter)
    if request.subclass in range(ELECTRICITY_CURRENCY, TIME_CURRENCY + 1):
        check_bits(request.rnd, 0, "rnd")
        digits = encode_currency(
            subclass=request.subclass,
            tid=request.tid,
            amount_field=request.amount_field,
            cipher=cipher,
            decoder_key=decoder_key,
        )
    else:
        digits = encode_credit(
            subclass=request.subclass,
            tid=request.tid,
            rnd=request.rnd,
            amount_field=request.amount_field,
            cipher=cipher,
            decoder_key=decoder_key,
        )
    return Made((digits,), check_value=vending_key.check_value)


def make_management(call: Call, request: ManagementRequest) -> Made:
    _check_not_initial(request.meter.kt)
    cipher, vending_key = _opened_for(call, request)
    digits = encode_management(
        subclass=request.subclass,
        tid=request.tid,
        rnd=request.rnd,
        field=request.field,
        cipher=cipher,
        decoder_key=decoder_key_of(vending_key, request.meter),
    )
    return Made((digits,), check_value=vending_key.check_value)


def _opened_for(call: Call, request: CreditRequest | ManagementRequest) -> tuple[Cipher, OpenVendingKey]:
    """Cipher and vending key of a token with a TID, which must lie within what the key's KEN, ACT and IUT allow."""
    meter, tid = request.meter, request.tid
    cipher = call.cipher(meter.ea)
    vending_key = call.open(meter)
    check_key_not_expired(tid, vending_key.ken)
    begin, end = vending_key.active_from_at, vending_key.issue_until_at
    if begin or end:
        moment = moment_of(tid, BaseDate.of(vending_key.base_date))
        check_within_limits(begin, end, moment, name=name_of(meter.sgc, meter.krn, meter.kt))
    return cipher, vending_key


def make_key_change(call: Call, request: KeyChangeRequest) -> Made:
    meter, to = request.meter, request.to
    _check_not_initial(meter.kt)
    if to.kt != KeyType.DUTK:
        raise KeyChangeNotAllowed("a key change is to a unique key; no other is known to be allowed", field="kt")
    changed = replace(meter, sgc=to.sgc, krn=to.krn, kt=to.kt, ti=to.ti)
    cipher = call.cipher(meter.ea)
    current, new = call.open(meter), call.open(changed)
    if _start_of(new) < _start_of(current):
        raise KeyChangeNotAllowed("a key change does not go back to an earlier base date", field="base_date")
    is_rollover = new.base_date != current.base_date
    digits = key_change_set(
        new_key=NewKey(
            decoder_key=decoder_key_of(new, changed), sgc=to.sgc, krn=to.krn, kt=to.kt, ti=to.ti, ken=new.ken
        ),
        rollover=is_rollover,
        three_token=request.three_token,
        cipher=cipher,
        decoder_key=decoder_key_of(current, meter),
    )
    return Made(digits, is_rollover=is_rollover, check_value=new.check_value)


def _start_of(vending_key: OpenVendingKey) -> datetime:
    return BaseDate.of(vending_key.base_date).starts_at


def make_meter_test(_: Call, request: MeterTestRequest) -> Made:
    return Made((encode_meter_test(subclass=request.subclass, control=request.control, mfr=request.mfr),))


def _check_not_initial(kt: int) -> None:
    if KeyType.of(kt) is KeyType.DITK:
        raise KeyTypeNotAllowed("an initialisation key (KT 0) is its maker's", field="kt")
