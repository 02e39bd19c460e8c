"""Sessions that nobody ends: the handset, the network or the provider simply goes quiet."""

from datetime import timedelta

import pytest

from gateway.ussd.lifecycle import SessionState
from gateway.ussd.models import UssdSession
from gateway.ussd.ports import Hop
from gateway.ussd.services import answer_hop, close_silent_sessions
from tests.support.world import AMINA, World

pytestmark = [pytest.mark.django_db, pytest.mark.money_path]


def test_session_silent_for_five_minutes_times_out(world: World) -> None:
    hop = Hop(session_id="silent", phone_e164=AMINA, service_code="*384*96#", network_code="63902", text="")
    answer_hop(provider="africastalking", hop=hop, new_reference=str, actor="test", now=world.now)
    assert close_silent_sessions(now=world.now + timedelta(minutes=4)) == 0
    assert close_silent_sessions(now=world.now + timedelta(minutes=6)) == 1
    assert UssdSession.objects.get(session_id="silent").state == SessionState.TIMED_OUT
    assert close_silent_sessions(now=world.now + timedelta(minutes=7)) == 0
