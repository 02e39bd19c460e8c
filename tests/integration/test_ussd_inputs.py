"""Whatever is typed or posted at any screen: a valid `CON` or `END` that fits, and no error of ours."""

import re
from urllib.parse import quote

import pytest
from pytest_django import Settings

from gateway.payments.models import Payment
from gateway.sms.encoding import septets
from gateway.sms.models import Message
from gateway.webhooks.models import Callback
from tests.support.hooks import Hooks, make_hooks
from tests.support.rows import rows_of
from tests.support.world import AMINA, STRANGER, World

pytestmark = [pytest.mark.django_db, pytest.mark.money_path]

MOST_SEPTETS = 182
# As they stand in a form, already escaped: some are octets that no text holds.
HOSTILE = {
    "nothing": "",
    "a nul": "%00",
    "nuls": "1%00%00",
    "a lone surrogate": "%ED%A0%80",
    "octets that are no text": "%FF%FE%80",
    "emoji": "%F0%9F%98%80" * 50,
    "stars": "*" * 200,
    "hashes": "%23%23",
    "a long number": "9" * 3000,
    "a long text": "x" * 4000,
    "digits of another script": quote("\u0661\uff12\u0669"),
    "right to left": quote("\u202e\u0645\u0631\u062d\u0628\u0627"),
    "sql": quote("' OR 1=1; DROP TABLE gateway_payment; --"),
    "a template": quote("{{ brand }}{% include 'x' %}%s%(x)s"),
    "line ends": "%0D%0A%0D%0ACON%20hello",
    "a negative number": "-1",
    "a fraction": "200.50",
    "an exponent": "1e9",
    "nothing for money": "0000000000",
    "more money than there is": "999999999",
    "zeros": "00000000000",
    "home": "00",
    "markup": quote("<script>alert(1)</script>&amp;"),
    "a meter and more": "37000123457" * 9,
}
SCREENS = ["", "1", "1*4", "1*4*200", "2", "2*37000123475", "2*37000123457", "3", "3*1", "4"]


@pytest.fixture
def hooks(world: World, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Hooks:
    return make_hooks(world, settings, monkeypatch)


def hop(hooks: Hooks, session_id: str, escaped_text: str, phone_e164: str = AMINA) -> str:
    """What the phone shows; fails unless the answer is one that the gateway takes."""
    body = f"sessionId={session_id}&phoneNumber={quote(phone_e164)}&networkCode=63902&text={escaped_text}"
    answer = hooks.post("ussd/africastalking", body.encode())
    shown: str = answer.content.decode("utf-8")
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/plain; charset=utf-8")
    assert re.match(r"(CON|END) \S", shown)
    assert septets(shown[4:]) <= MOST_SEPTETS
    return shown


@pytest.mark.parametrize("screen", SCREENS)
def test_any_input_at_any_screen_gives_a_valid_answer(world: World, hooks: Hooks, screen: str) -> None:
    world.sell(20_000)
    before = rows_of(Payment, Message, Callback)
    for number, typed in enumerate(HOSTILE.values()):
        text = f"{screen}*{typed}" if screen else typed
        for phone_e164 in (AMINA, STRANGER):
            session_id = f"ATUid_{phone_e164[-3:]}_{number}"
            hop(hooks, session_id, screen, phone_e164)
            shown = hop(hooks, session_id, text, phone_e164)
            assert hop(hooks, session_id, text, phone_e164) == shown
    assert rows_of(Payment, Message, Callback) == before


@pytest.mark.parametrize("typed", HOSTILE.values(), ids=HOSTILE)
def test_session_goes_on_behind_any_input_until_three_are_wrong(world: World, hooks: Hooks, typed: str) -> None:
    shown = [hop(hooks, "ATUid_1", text) for text in ("", typed, *(typed + "*x" * times for times in (1, 2, 3)))]
    assert shown[0].startswith("CON Tokeni\n")
    assert shown[-1].startswith("END That was not understood three times.")
    assert not Payment.objects.exists()


def test_text_that_no_phone_can_type_still_gets_a_screen(world: World, hooks: Hooks) -> None:
    body = f"sessionId=ATUid_1&phoneNumber={quote(AMINA)}&text={'1' * 10_000}".encode()
    answer = hooks.post("ussd/africastalking", body)
    assert answer.status_code == 200
    assert answer.content.startswith((b"CON ", b"END "))
    assert not Payment.objects.exists()


@pytest.mark.parametrize("session_id", ["x" * 128, "ATUid_%5B%27%5D", "%22"])
@pytest.mark.parametrize("phone_e164", ["+254711000101", "254711000101", "+256772123456", "+999999999999999"])
def test_any_session_id_and_phone_that_can_be_stored_is_served(
    world: World, hooks: Hooks, session_id: str, phone_e164: str
) -> None:
    if phone_e164 == "+999999999999999":
        body = f"sessionId={session_id}&phoneNumber={quote(phone_e164)}&text=".encode()
        assert hooks.post("ussd/africastalking", body).status_code == 400
    else:
        assert hop(hooks, session_id, "", phone_e164).startswith("CON Tokeni\n")
