"""What every USSD provider must do. One adapter so far; the next one adds a row to `WORLDS`."""

from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlencode

import pytest

from gateway.http.inbound import InboundRequest, UnreadableCallback
from gateway.ussd.ports import Hop, Screen, SessionEnded, UssdProvider
from gateway.ussd.providers.africastalking import AfricasTalkingUssd


@dataclass(frozen=True)
class World:
    """One provider and how its vendor writes a hop, an end of session, and a screen."""

    provider: UssdProvider
    hop: Callable[[Hop], InboundRequest]
    ended: Callable[[SessionEnded], InboundRequest]
    wire: Callable[[Screen], str]


def _form(fields: dict[str, str]) -> InboundRequest:
    return InboundRequest("POST", "application/x-www-form-urlencoded", urlencode(fields).encode())


def _africastalking_hop(hop: Hop) -> InboundRequest:
    return _form(
        {
            "sessionId": hop.session_id,
            "phoneNumber": hop.phone_e164,
            "serviceCode": hop.service_code,
            "networkCode": hop.network_code,
            "text": hop.text,
        }
    )


def _africastalking_ended(ended: SessionEnded) -> InboundRequest:
    return _form({"sessionId": ended.session_id, "status": "Success" if ended.is_complete else "Incomplete"})


WORLDS = {
    "africastalking": World(
        AfricasTalkingUssd(),
        _africastalking_hop,
        _africastalking_ended,
        lambda screen: ("END " if screen.is_end else "CON ") + screen.text,
    )
}


@pytest.fixture(params=WORLDS)
def world(request: pytest.FixtureRequest) -> World:
    return WORLDS[request.param]


@pytest.mark.parametrize("text", ["", "1", "1*4*200", "1**0", "*384*96#", "a\nb", "x" * 4000])
def test_parse_hop_told_as_sent(world: World, text: str) -> None:
    hop = Hop("session-1", "+254711000111", "*384*96#", "63902", text)
    assert world.provider.parse_hop(world.hop(hop)) == hop


@pytest.mark.parametrize(
    "hop",
    [
        Hop("", "+254711000111", "*384*96#", "63902", ""),
        Hop("session-1", "", "*384*96#", "63902", ""),
    ],
)
def test_parse_hop_without_session_or_phone_or_bounds_refused(world: World, hop: Hop) -> None:
    with pytest.raises(UnreadableCallback):
        world.provider.parse_hop(world.hop(hop))


@pytest.mark.parametrize("is_complete", [True, False])
def test_parse_event_told_as_sent(world: World, is_complete: bool) -> None:
    ended = SessionEnded("session-1", is_complete)
    assert world.provider.parse_event(world.ended(ended)) == ended


@pytest.mark.parametrize("body", [b"", b"\xff", b"{}", b"sessionId=1&sessionId=2&text=&phoneNumber=%2B254711000111"])
def test_parse_other_shapes_refused(world: World, body: bytes) -> None:
    request = InboundRequest("POST", "application/x-www-form-urlencoded", body)
    with pytest.raises(UnreadableCallback):
        world.provider.parse_hop(request)
    with pytest.raises(UnreadableCallback):
        world.provider.parse_event(request)


@pytest.mark.parametrize("is_end", [True, False])
def test_answer_is_the_vendors_wire_form(world: World, is_end: bool) -> None:
    screen = Screen("Jua Power\n1 Buy power", is_end)
    reply = world.provider.answer(screen)
    assert (reply.body, reply.status) == (world.wire(screen), 200)
