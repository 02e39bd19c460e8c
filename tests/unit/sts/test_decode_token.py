"""Reading any token: every class and subclass finds its kind or is refused."""

from typing import Any

import pytest

from vending.sts.ciphers import MISTY1, sta
from vending.sts.credit import UnitCredit
from vending.sts.currency import CurrencyCredit
from vending.sts.errors import TokenCrcWrong, UnsupportedAlgorithm, UnsupportedToken
from vending.sts.frame import seal_token
from vending.sts.key_change import Section1, Section2, Section3, Section4
from vending.sts.management import Management
from vending.sts.meter_test import MeterTest
from vending.sts.sta_tables import SAMPLE_TABLES
from vending.sts.tokens import decode_token

LONG: dict[str, Any] = {"cipher": MISTY1, "decoder_key": bytes(range(16))}
SHORT: dict[str, Any] = {"cipher": sta(SAMPLE_TABLES), "decoder_key": bytes(range(8))}
METERS = {"EA11": LONG, "EA07": SHORT}

KINDS: dict[tuple[int, int], type] = {
    **{(0, subclass): UnitCredit for subclass in (0, 1, 2, 3)},
    **{(0, subclass): CurrencyCredit for subclass in (4, 5, 6, 7)},
    **{(1, subclass): MeterTest for subclass in (0, 1, 2)},
    **{(2, subclass): Management for subclass in (0, 1, 2, 5, 6, 7, 10)},
    (2, 3): Section1,
    (2, 4): Section2,
    (2, 8): Section3,
    (2, 9): Section4,
}
ALL = [(token_class, subclass) for token_class in range(3) for subclass in range(16)]
BODY = 0x123_4567_89AB


@pytest.mark.parametrize("meter", METERS.values(), ids=METERS.keys())
@pytest.mark.parametrize(("token_class", "subclass"), sorted(set(KINDS) - {(2, 9)}))
def test_token_of_each_kind_is_read_as_that_kind(meter: dict[str, Any], token_class: int, subclass: int) -> None:
    read = decode_token(seal_token(token_class, subclass << 44 | BODY, **meter), **meter)

    assert type(read) is KINDS[token_class, subclass]
    assert (read.token_class, read.subclass) == (token_class, subclass)


def test_fourth_section_is_read_under_sixteen_octets_only() -> None:
    assert isinstance(decode_token(seal_token(2, 9 << 44, **LONG), **LONG), Section4)
    with pytest.raises(UnsupportedToken):
        decode_token(seal_token(2, 9 << 44, **SHORT), **SHORT)


@pytest.mark.parametrize(("token_class", "subclass"), sorted(set(ALL) - set(KINDS)))
def test_token_of_a_reserved_subclass_is_refused(token_class: int, subclass: int) -> None:
    with pytest.raises(UnsupportedToken, match=f"class {token_class} subclass {subclass} is reserved") as refusal:
        decode_token(seal_token(token_class, subclass << 44 | BODY, **LONG), **LONG)

    assert (refusal.value.code, refusal.value.field) == ("unsupported_token", "subclass")


def test_fields_are_read_as_they_stand_even_if_no_encoder_makes_them() -> None:
    """A meter may judge a KRN of 12 or a TI of 200; reading does not."""
    assert decode_token(seal_token(2, 0x3_1C2_00000000, **LONG), **LONG) == Section1(1, 12, 0, 2, 0, 0)
    assert decode_token(seal_token(2, 0x4_1C8_00000000, **LONG), **LONG) == Section2(1, 200, 0)
    assert decode_token(seal_token(2, 0x8_FFFFFF_FFFFF, **SHORT), **SHORT) == Section3(0xFFFFFF, 0xFFFFF)


def test_token_of_class_1_is_read_without_a_cipher_and_others_are_not() -> None:
    tested, credited = (seal_token(token_class, 1, **LONG) for token_class in (1, 0))

    assert decode_token(tested, cipher=None, decoder_key=b"") == MeterTest(subclass=0, control=0, mfr=1)
    with pytest.raises(UnsupportedAlgorithm):
        decode_token(credited, cipher=None, decoder_key=b"")


def test_token_under_another_cipher_has_a_wrong_crc() -> None:
    digits = seal_token(0, BODY, **LONG)

    with pytest.raises(TokenCrcWrong):
        decode_token(digits, **SHORT)
