"""The decoder keys of many meters: exactly what one at a time gives."""

import random
from typing import Any

import pytest

from vending.sts.check_digits import luhn_digit
from vending.sts.decoder_keys import VENDING_KEY_OCTETS, derive_decoder_key
from vending.sts.errors import StsError
from vending.sts.many_decoder_keys import derive_decoder_keys

CASES = [(1, 7), (1, 9), (2, 7), (2, 9), (3, 7), (4, 7), (4, 9), (4, 11)]
ATTRIBUTES: dict[str, Any] = {
    "dkga": 4,
    "secret": bytes(range(20)),
    "base_date": "14",
    "ea": 11,
    "sgc": "201457",
    "krn": 1,
    "kt": 2,
    "ti": 1,
}


def _pans(count: int) -> list[str]:
    chance = random.Random(62055)
    starts = (("600727", 11), ("0000", 13))
    bodies = [f"{iin}{chance.randrange(10**digits):0{digits}d}" for iin, digits in chance.choices(starts, k=count)]
    return [body + luhn_digit(body) for body in bodies]


PANS = _pans(65)


@pytest.mark.parametrize(("dkga", "ea"), CASES)
@pytest.mark.parametrize("kt", [0, 1, 2, 3])
@pytest.mark.parametrize("count", [0, 1, 2, 65])
def test_many_decoder_keys_are_those_of_one_at_a_time(dkga: int, ea: int, kt: int, count: int) -> None:
    attributes = ATTRIBUTES | {"dkga": dkga, "ea": ea, "kt": kt, "secret": bytes(range(VENDING_KEY_OCTETS[dkga]))}

    together = derive_decoder_keys(meter_pans=PANS[:count], **attributes)

    assert together == [derive_decoder_key(meter_pan=pan, **attributes) for pan in PANS[:count]]


def test_many_decoder_keys_hold_the_published_one() -> None:
    published = ATTRIBUTES | {"secret": bytes.fromhex("abababababababab949494949494949401234567")}

    decoder_keys = derive_decoder_keys(meter_pans=[*PANS, "600727000000000009"], **published)

    assert decoder_keys[-1] == bytes.fromhex("929bd3a415c9420a05ec5ee9f3ce91c3")


@pytest.mark.parametrize(
    ("change", "code", "field"),
    [
        ({"dkga": 5}, "unsupported_algorithm", "dkga"),
        ({"dkga": True}, "unsupported_algorithm", "dkga"),
        ({"dkga": 4.0}, "unsupported_algorithm", "dkga"),
        ({"dkga": []}, "unsupported_algorithm", "dkga"),
        ({"ea": 10}, "unsupported_algorithm", "ea"),
        ({"dkga": 2, "secret": bytes(8)}, "unsupported_algorithm", "ea"),
        ({"secret": bytes(19)}, "vending_key_malformed", "secret"),
        ({"base_date": "15"}, "key_attribute_invalid", "base_date"),
        ({"sgc": "20145"}, "key_attribute_invalid", "sgc"),
        ({"krn": 0}, "key_attribute_invalid", "krn"),
        ({"kt": 4}, "key_attribute_invalid", "kt"),
        ({"ti": 100}, "key_attribute_invalid", "ti"),
    ],
)
def test_many_decoder_keys_of_a_wrong_vending_key_are_refused(change: dict[str, Any], code: str, field: str) -> None:
    with pytest.raises(StsError) as refusal:
        derive_decoder_keys(meter_pans=PANS, **ATTRIBUTES | change)

    assert (refusal.value.code, refusal.value.field) == (code, field)


@pytest.mark.parametrize("dkga", [2, 4])
@pytest.mark.parametrize(
    "wrong",
    ["", "0" * 17, "0" * 19, PANS[0][:-1], "x" * 18, "\u0665" * 18, " " * 18, None, 600727, PANS[0].encode()],
)
def test_many_decoder_keys_refuse_a_pan_that_is_none_as_alone(dkga: int, wrong: Any) -> None:
    octets = VENDING_KEY_OCTETS[dkga]
    attributes = ATTRIBUTES | {"dkga": dkga, "ea": 7, "secret": bytes(octets)}

    with pytest.raises(StsError) as alone:
        derive_decoder_key(meter_pan=wrong, **attributes)
    with pytest.raises(StsError) as together:
        derive_decoder_keys(meter_pans=[*PANS, wrong, *PANS], **attributes)

    assert (type(together.value), str(together.value)) == (type(alone.value), str(alone.value))


@pytest.mark.parametrize("place", range(18))
def test_many_decoder_keys_refuse_a_pan_with_any_digit_changed(place: int) -> None:
    pan = PANS[0]
    changed = pan[:place] + str((int(pan[place]) + 1) % 10) + pan[place + 1 :]

    with pytest.raises(StsError) as refusal:
        derive_decoder_keys(meter_pans=[*PANS, changed], **ATTRIBUTES)

    assert (refusal.value.code, refusal.value.field) == ("check_digit_wrong", "meter_pan")
