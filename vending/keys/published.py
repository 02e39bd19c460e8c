"""Vending keys that are printed in public test documents (STS 531-1, open-source test suites). Never for real money."""

import hashlib

_PUBLISHED = frozenset(
    {
        "abababababababab",
        "abababababababab949494949494949401234567",
        "9494949494949494",
        "949494949494949401234567abababababababab",
    }
)
_DIGESTS = frozenset(hashlib.sha256(bytes.fromhex(value)).digest() for value in _PUBLISHED)


def is_published(secret: bytes) -> bool:
    return hashlib.sha256(secret).digest() in _DIGESTS
