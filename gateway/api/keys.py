"""API keys as text: twelve hex digits that find the row, a dot, and 32 secret octets in hex. Pure; no tables.

The digest is plain SHA-256: the secret is drawn by a machine, and leaves nothing to guess that a slow hash would guard.
Hex, because that is what log lines are cleaned of.
"""

import hashlib
import hmac
import re
from collections.abc import Callable
from typing import NamedTuple

_PREFIX_OCTETS, _SECRET_OCTETS = 6, 32
_WHOLE = re.compile(r"([0-9a-f]{12})\.[0-9a-f]{64}")


class NewKey(NamedTuple):
    """`whole` is shown once and kept nowhere."""

    whole: str
    prefix: str
    digest: str


def make_key(random_octets: Callable[[int], bytes]) -> NewKey:
    prefix = random_octets(_PREFIX_OCTETS).hex()
    whole = f"{prefix}.{random_octets(_SECRET_OCTETS).hex()}"
    return NewKey(whole, prefix, digest_of(whole))


def prefix_of(whole: str) -> str:
    """The part that finds the row; empty for a text that is no key of ours."""
    found = _WHOLE.fullmatch(whole)
    return found[1] if found else ""


def digest_of(whole: str) -> str:
    return hashlib.sha256(whole.encode("ascii")).hexdigest()


def is_key_of(whole: str, digest: str) -> bool:
    """Takes as long for a wrong key as for a right one."""
    return hmac.compare_digest(digest_of(whole), digest)
