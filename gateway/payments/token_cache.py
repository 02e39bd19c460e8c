"""The mobile money operator's access token, shared by all workers through Django's cache.

Every new token makes the one before it invalid, so workers that each fetched their own would lock one another out. The
cache is a help, never a need: when it fails, a push fetches a token and goes on.
"""

import hashlib
import logging

from django.core.cache import cache

logger = logging.getLogger(__name__)


class SharedTokenCache:
    """The token of one account. Never raises. The account's name in the cache is a digest, not its key."""

    def __init__(self, provider: str, account: str) -> None:
        self._name = f"payments:{provider}:token:{hashlib.sha256(account.encode()).hexdigest()[:32]}"

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
