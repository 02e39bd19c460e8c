"""The encryption algorithms of IEC 62055-41 by their EA code: those that are computed here.

One row in `CIPHERS` is all that another algorithm needs.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from vending.sts import misty1
from vending.sts.errors import UnsupportedAlgorithm


@dataclass(frozen=True)
class Cipher:
    """A cipher of 64-bit blocks: both functions take a decoder key of `key_octets` octets and a block, give a block."""

    ea: int
    name: str
    key_octets: int
    encrypt: Callable[[bytes, int], int]
    decrypt: Callable[[bytes, int], int]


CIPHERS: Mapping[int, Cipher] = {
    11: Cipher(11, "MISTY1", misty1.KEY_OCTETS, misty1.encrypt, misty1.decrypt),
}


def cipher_of(ea: int) -> Cipher:
    """The cipher with this EA code; `UnsupportedAlgorithm` for one that is not computed here."""
    try:
        return CIPHERS[ea]
    except KeyError:
        raise UnsupportedAlgorithm(f"EA {ea} is not supported", field="ea") from None
