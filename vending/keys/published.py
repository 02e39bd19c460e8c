"""Vending keys that are printed in public test documents (STS 531-1, open-source test suites). Never for real money."""

import hashlib

from vending.keys.check_values import check_value_of

_PUBLISHED = frozenset(
    {
        "abababababababab",
        "abababababababab949494949494949401234567",
        "9494949494949494",
        "949494949494949401234567abababababababab",
    }
)
_DIGESTS = frozenset(hashlib.sha256(bytes.fromhex(value)).digest() for value in _PUBLISHED)
_CHECK_VALUES = frozenset(check_value_of(bytes.fromhex(value)) for value in _PUBLISHED)


def is_published(secret: bytes) -> bool:
    return hashlib.sha256(secret).digest() in _DIGESTS


def is_check_value_of_published(check_value: str) -> bool:
    """What can be told without opening a key. One in four million other keys would be called published as well."""
    return check_value in _CHECK_VALUES
