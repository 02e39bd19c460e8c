"""The mobile money operator's access token, shared by all workers through Django's cache.

Every new token makes the one before it invalid, so workers that each fetched their own would lock one another out: they
share one, and one at a time fetches it. The cache is a help, never a need: when it fails, a call fetches a token and
goes on.
"""

import hashlib
import logging

from django.core.cache import cache

logger = logging.getLogger(__name__)

# Longer than any fetch may take, so that only a worker that died leaves it to end by itself.
_LOCK_SECONDS = 15


class SharedTokenCache:
    """The token of one account. Never raises. The account's name in the cache is a digest, not its key."""

    def __init__(self, provider: str, account: str) -> None:
        self._name = f"payments:{provider}:token:{hashlib.sha256(account.encode()).hexdigest()[:32]}"
        self._lock_name = f"{self._name}:fetching"

    def get(self) -> str | None:
        try:
            token = cache.get(self._name)
        except Exception as error:  # whatever the configured cache raises when it is down
            logger.warning("access token not read from the cache: %s", type(error).__name__)
            return None
        return token if isinstance(token, str) else None

    def put(self, token: str, lifetime_seconds: int) -> None:
        try:
            cache.set(self._name, token, timeout=lifetime_seconds)
        except Exception as error:  # as above
            logger.warning("access token not kept in the cache: %s", type(error).__name__)

    def try_lock(self) -> bool:
        """Whether this worker may fetch a token now. Without a cache everybody may."""
        try:
            return cache.add(self._lock_name, "", timeout=_LOCK_SECONDS)
        except Exception as error:  # as above
            logger.warning("lock on the access token not taken: %s", type(error).__name__)
            return True

    def unlock(self) -> None:
        """For whoever has the lock. One that ended by itself may be another's by then: at worst one fetch more."""
        try:
            cache.delete(self._lock_name)
        except Exception as error:  # as above
            logger.warning("lock on the access token not given back: %s", type(error).__name__)
