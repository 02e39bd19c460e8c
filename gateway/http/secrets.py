"""Is what stands in a hook's address one of our secrets? Only that question; the settings hold them."""

import hashlib
import hmac
from collections.abc import Sequence


def is_known_secret(candidate: str, accepted: Sequence[str]) -> bool:
    """Whether `candidate` equals one of `accepted`, in a time that tells neither which one nor how much of it matched.

    Digests are compared, so that lengths do not show either, and the loop never ends early. An empty word is never a
    secret, not even when a badly split setting has one in its list.
    """
    digest = _digest(candidate)
    is_known = False
    for secret in accepted:
        is_known |= hmac.compare_digest(digest, _digest(secret)) and secret != ""
    return is_known


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
