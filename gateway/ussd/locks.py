"""The lock on a session row: hops of one session are answered one after the other."""

from datetime import datetime

from gateway.ussd.lifecycle import SessionState
from gateway.ussd.models import UssdSession


def lock_session(provider: str, session_id: str) -> UssdSession | None:
    return UssdSession.objects.select_for_update().filter(provider=provider, session_id=session_id).first()


def lock_silent_sessions(*, silent_since: datetime, limit: int) -> list[UssdSession]:
    """Open sessions whose last hop was before that moment."""
    silent = UssdSession.objects.select_for_update(skip_locked=True).filter(
        state=SessionState.OPEN, last_hop_at__lte=silent_since
    )
    return list(silent.order_by("last_hop_at")[:limit])
