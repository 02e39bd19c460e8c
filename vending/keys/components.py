"""Two components, each held by one custodian, that make a vending key together (pure; no Django, no tables).

Each component alone is random octets and says nothing of the key: the key is the XOR of both.
"""

import hmac
import re
from datetime import timedelta

from vending.keys.check_values import check_value_of
from vending.keys.errors import CheckValueDiffers, KeyComponentRefused, VendingKeyRefused
from vending.sts.decoder_keys import VENDING_KEY_OCTETS, check_parity

# How long a first component waits for the second custodian.
COMPONENT_LIFE = timedelta(hours=24)
_CHECK_VALUE = re.compile(r"[0-9a-f]{6}")


def component_from_entry(entry: str) -> bytes:
    """What a custodian typed: hexadecimal digits, spaces between them as they stand on the sheet."""
    try:
        return bytes.fromhex(entry)
    except ValueError:
        raise KeyComponentRefused("a component is an even number of hexadecimal digits", field="component") from None


def check_value_from_entry(entry: str) -> str:
    """Six hexadecimal digits, upper or lower case; `VendingKeyRefused` for anything else."""
    check_value = entry.strip().lower()
    if not _CHECK_VALUE.fullmatch(check_value):
        raise VendingKeyRefused("a check value has six hexadecimal digits", field="check_value")
    return check_value


def check_component(component: bytes, dkga: int) -> None:
    """Refuse a component of another length than a key of this DKGA, and one of zeros: the other would be the key."""
    octets = octets_of(dkga)
    if len(component) != octets:
        raise KeyComponentRefused(f"a component for DKGA {dkga:02d} has {octets} octets", field="component")
    if not any(component):
        raise KeyComponentRefused("a component of zeros leaves the whole key to the other custodian", field="component")


def octets_of(dkga: int) -> int:
    """How long a vending key of this DKGA is; `VendingKeyRefused` for a DKGA that does not exist."""
    if dkga not in VENDING_KEY_OCTETS:
        raise VendingKeyRefused("DKGA is 1, 2, 3 or 4", field="dkga")
    return VENDING_KEY_OCTETS[dkga]


def joined(first: bytes, second: bytes, *, dkga: int) -> bytes:
    """The vending key. Refuses twice the same component (`KeyComponentRefused`: the key would be zeros) and a DES key
    without odd parity (`VendingKeyParityWrong`). Both components have passed `check_component`.
    """
    if hmac.compare_digest(first, second):
        raise KeyComponentRefused("both custodians brought the same component", field="component")
    secret = bytes(one ^ other for one, other in zip(first, second, strict=True))
    check_parity(dkga, secret)
    return secret


def check_fits(secret: bytes, check_value: str) -> None:
    """`CheckValueDiffers` unless the key has the check value that was typed."""
    if check_value_of(secret) != check_value:
        raise CheckValueDiffers("the components make another key than the check value says", field="check_value")
