"""The lock on a session row: hops of one session are answered one after the other."""

from gateway.ussd.models import UssdSession


def lock_session(provider: str, session_id: str) -> UssdSession | None:
    return UssdSession.objects.select_for_update().filter(provider=provider, session_id=session_id).first()
