"""USSD through Africa's Talking: session requests and end-of-session notices in, screens out. Wire and port only."""

import re

from gateway.http.bodies import as_word, read_form, storable
from gateway.http.errors import PhoneInvalid
from gateway.http.inbound import InboundRequest, Reply, UnreadableCallback
from gateway.http.phones import wire_to_e164
from gateway.ussd.ports import Hop, Screen, SessionEnded

NAME = "africastalking"
LONGEST_TEXT = 4096

_SESSION_ID = re.compile(r"[!-~]{1,128}")
_LONGEST_SERVICE_CODE = 64
_LONGEST_NETWORK_CODE = 16


class AfricasTalkingUssd:
    """One USSD channel. A number without a country code belongs to `default_region`."""

    name = NAME

    def __init__(self, *, default_region: str = "KE") -> None:
        self._default_region = default_region

    def parse_hop(self, request: InboundRequest) -> Hop:
        """One request of a session. `text` is blank on the first; a request without that field is refused.

        Raises `UnreadableCallback` also without a session id or a phone. More text than anyone can type is cut, for any
        input gets a screen. An unknown network is no error.
        """
        fields = read_form(request.body)
        text = fields.get("text")
        if text is None:
            raise UnreadableCallback("no text", field="text")
        return Hop(
            session_id=as_word(fields.get("sessionId"), _SESSION_ID),
            phone_e164=self._phone(fields.get("phoneNumber", "")),
            service_code=storable(fields.get("serviceCode", ""), _LONGEST_SERVICE_CODE),
            network_code=storable(fields.get("networkCode", ""), _LONGEST_NETWORK_CODE),
            text=storable(text, LONGEST_TEXT),
        )

    def parse_event(self, request: InboundRequest) -> SessionEnded:
        """The notice that a session is over; only `Success` is complete (else hung up, timed out, or failed)."""
        fields = read_form(request.body)
        if not fields.get("status"):
            raise UnreadableCallback("no status", field="status")
        return SessionEnded(
            session_id=as_word(fields.get("sessionId"), _SESSION_ID), is_complete=fields["status"] == "Success"
        )

    def answer(self, screen: Screen) -> Reply:
        """The body must begin with exactly `CON ` or `END `, and the status be 200, or the gateway ends the session."""
        prefix = "END" if screen.is_end else "CON"
        return Reply(f"{prefix} {screen.text}", content_type="text/plain; charset=utf-8")

    def _phone(self, text: str) -> str:
        try:
            return wire_to_e164(text, default_region=self._default_region)
        except PhoneInvalid:
            raise UnreadableCallback("no phone number", field="phoneNumber") from None
