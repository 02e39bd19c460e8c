"""The parity of vending keys that are DES keys."""

import random
from typing import Any

import pytest

from vending.kernel.errors import DomainError
from vending.sts.decoder_keys import VENDING_KEY_OCTETS, check_parity
from vending.sts.errors import VendingKeyParityWrong


@pytest.mark.parametrize("dkga", [1, 2, 3])
def test_parity_of_a_des_key_is_checked_in_every_octet(dkga: int) -> None:
    octets = VENDING_KEY_OCTETS[dkga]
    source = random.Random(dkga)
    odd = bytes(source.choice([octet for octet in range(256) if octet.bit_count() % 2]) for _ in range(octets))
    check_parity(dkga, odd)

    for place in range(octets):
        for bit in (0, 7):
            damaged = bytearray(odd)
            damaged[place] ^= 1 << bit
            with pytest.raises(VendingKeyParityWrong) as refusal:
                check_parity(dkga, bytes(damaged))
            assert (refusal.value.code, refusal.value.field) == ("vending_key_parity_wrong", "secret")
            assert str(refusal.value) == "an octet of the vending key has even parity"


def test_parity_of_a_dkga04_key_is_not_looked_at() -> None:
    check_parity(4, bytes(20))


@pytest.mark.parametrize(
    ("dkga", "secret", "code", "field"),
    [
        (0, bytes(8), "unsupported_algorithm", "dkga"),
        (True, b"\1" * 8, "unsupported_algorithm", "dkga"),
        (2.0, b"\1" * 8, "unsupported_algorithm", "dkga"),
        ([], b"\1" * 8, "unsupported_algorithm", "dkga"),
        (2, b"\1" * 7, "vending_key_malformed", "secret"),
        (2, "\1" * 8, "vending_key_malformed", "secret"),
        (3, b"\1" * 8, "vending_key_malformed", "secret"),
        (4, b"", "vending_key_malformed", "secret"),
        (4, None, "vending_key_malformed", "secret"),
    ],
)
def test_parity_of_what_is_no_vending_key_is_refused(dkga: Any, secret: Any, code: str, field: str) -> None:
    with pytest.raises(DomainError) as refusal:
        check_parity(dkga, secret)

    assert (refusal.value.code, refusal.value.field) == (code, field)
