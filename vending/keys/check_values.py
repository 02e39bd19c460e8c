"""Check values: six hexadecimal digits by which two persons see that they hold the same key (pure; no Django).

A DES key (8 octets, DKGA 01 and 02) and a two-key triple DES key (16, DKGA 03) have the customary one: the first three
octets of a block of zeros, encrypted. How a key management centre makes the one of a 20-octet key is not public; ours
is a SHA-256 of its own domain, and equals nobody else's.
"""

import hashlib

from vending.sts import dea

_DIGITS = 6
_ZEROS = 0


def check_value_of(secret: bytes) -> str:
    """Of a vending key or of one component of it, lower case."""
    if len(secret) == 8:
        return _first_digits(dea.encrypt(secret, _ZEROS))
    if len(secret) == 16:
        return _first_digits(dea.encrypt_twice_keyed(secret, _ZEROS))
    return hashlib.sha256(b"vending key check value" + secret).hexdigest()[:_DIGITS]


def _first_digits(block: int) -> str:
    return f"{block:016x}"[:_DIGITS]
