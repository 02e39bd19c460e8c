"""One hop of a USSD session: what was typed since the last one, the menu's answer, and its effect, in one transaction.

No provider, broker or cipher is asked inside a hop: an effect is a row whose state says that work waits.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction

from fleet.meters.queries import get_meter
from gateway.fulfilment.resending import resend_codes
from gateway.payments.services import start_purchase
from gateway.ussd.lifecycle import SESSION, SessionState
from gateway.ussd.locks import lock_session, lock_silent_sessions
from gateway.ussd.menus.facts import Facts
from gateway.ussd.menus.machine import advance, start
from gateway.ussd.menus.steps import Effect, ResendCodes, StartPurchase, Step, end
from gateway.ussd.models import UssdSession
from gateway.ussd.ports import Hop, Screen, SessionEnded
from gateway.ussd.queries import PhoneFacts
from gateway.ussd.texts import render
from vending.kernel.errors import DomainError

PAYMENT_PROVIDER = "daraja"
MOST_REPLAYED = 30
SILENCE = timedelta(minutes=5)
_LONGEST_TEXT = 4096


@dataclass(frozen=True)
class Answered:
    """The screen, and the rows that its effect made: payments to ask for, messages to send."""

    screen: Screen
    payment_ids: tuple[int, ...] = ()
    message_ids: tuple[int, ...] = ()


def answer_hop(*, provider: str, hop: Hop, new_reference: Callable[[], str], actor: str, now: datetime) -> Answered:
    """The answer to one hop. The same text again gets the same answer; a session that has ended stays ended.

    `hop.text` is everything typed in the session, so what is new is what stands behind the text of the hop before.
    Several inputs at once (dialled as *384*96*1*2#, or a hop was lost) go through the menu one by one. A session
    belongs to the phone that began it: to any other it says that it is over.
    """
    with transaction.atomic():
        session = lock_session(provider, hop.session_id)
        facts = PhoneFacts(hop.phone_e164, now)
        if session and session.phone_e164 != hop.phone_e164:
            stopped = end("stopped", facts)
            return Answered(Screen(render(stopped.template, stopped.values), stopped.is_end))
        if session and _is_old_news(session, hop):
            return Answered(Screen(session.last_reply, session.state != SessionState.OPEN))
        step = _step(session, hop, facts)
        try:
            answered = _carry_out(step.effect, hop, provider, new_reference, actor, now)
        except _RefusedMeanwhile:
            step, answered = end("cannot_sell", facts, step.values), Answered(Screen("", False))
        screen = Screen(render(step.template, step.values), step.is_end)
        _store(session, provider, hop, step, screen, now)
    return Answered(screen, answered.payment_ids, answered.message_ids)


def _is_old_news(session: UssdSession, hop: Hop) -> bool:
    """A hop that we answered already (repeated, or overtaken by a later one), or one behind the end of the session."""
    return session.state != SessionState.OPEN or session.last_text.startswith(hop.text)


def _step(session: UssdSession | None, hop: Hop, facts: Facts) -> Step:
    """The step behind the inputs that are new; from the start where there is no step before them."""
    before = f"{session.last_text}*" if session and session.last_text else ""
    if session and hop.text.startswith(before):
        first, *inputs = _inputs(hop.text.removeprefix(before))
        step = advance(session.screen, session.answers, first, facts)
    else:
        step, inputs = start(facts), _inputs(hop.text) if hop.text else []
    for typed in inputs:
        if step.is_end:
            break
        step = advance(step.screen, step.answers, typed, facts)
    return step


def _inputs(text: str) -> list[str]:
    """What was typed, input by input; a star alone is an input too, that no screen knows."""
    return [typed for typed in text.split("*") if typed][:MOST_REPLAYED] or [text]


class _RefusedMeanwhile(Exception):
    """Sales to the meter ended between the making of the screen and the start of the purchase. Nothing was written."""


def _carry_out(
    effect: Effect | None, hop: Hop, provider: str, new_reference: Callable[[], str], actor: str, now: datetime
) -> Answered:
    nothing = Screen("", False)
    if isinstance(effect, StartPurchase):
        try:
            payment = start_purchase(
                provider=PAYMENT_PROVIDER,
                meter=get_meter(effect.meter_id),
                payer_e164=hop.phone_e164,
                amount_minor=effect.amount_minor,
                new_reference=new_reference,
                actor=actor,
                now=now,
            )
        except DomainError as refusal:
            raise _RefusedMeanwhile from refusal
        return Answered(nothing, payment_ids=(payment.pk,))
    if isinstance(effect, ResendCodes):
        message_ids = resend_codes(
            vend_ids=effect.vend_ids,
            to_e164=hop.phone_e164,
            request=f"ussd:{provider}:{hop.session_id}"[:100],
            actor=actor,
            now=now,
        )
        return Answered(nothing, message_ids=tuple(message_ids))
    return Answered(nothing)


def _store(session: UssdSession | None, provider: str, hop: Hop, step: Step, screen: Screen, now: datetime) -> None:
    session = session or UssdSession(provider=provider, session_id=hop.session_id, started_at=now, hops=0)
    session.state = SessionState.ENDED if step.is_end else SessionState.OPEN
    session.phone_e164, session.screen, session.answers = hop.phone_e164, step.screen, dict(step.answers)
    session.last_text, session.last_reply = hop.text[:_LONGEST_TEXT], screen.text
    session.hops = min(session.hops + 1, 32_000)
    session.last_hop_at = now
    session.save()


@transaction.atomic
def close_session(*, provider: str, ended: SessionEnded) -> str:
    """The provider says that a session is over. Idempotent; one that we closed ourselves stays as it is."""
    session = lock_session(provider, ended.session_id)
    if session is None:
        return "unknown_session"
    state = SessionState.ENDED if ended.is_complete else SessionState.TIMED_OUT
    if not SESSION.can_move(session.state, state):
        return "no_change"
    session.state = state
    session.save(update_fields=["state"])
    return "accepted"


@transaction.atomic
def close_silent_sessions(*, now: datetime, limit: int = 500) -> int:
    """Sessions silent for longer than any network keeps one are over, whether the provider says so or not."""
    sessions = lock_silent_sessions(silent_since=now - SILENCE, limit=limit)
    for session in sessions:
        SESSION.check_can_move(session.state, SessionState.TIMED_OUT)
        session.state = SessionState.TIMED_OUT
    UssdSession.objects.bulk_update(sessions, ["state"])
    return len(sessions)
