"""Whatever a customer dials, types or texts, or somebody posts in a customer's name: a whole screen, or 400."""

import random

import pytest

from tests.support.outside_callers import Handset, assert_plain, read_screen
from tests.support.outside_world import OutsideWorld
from tests.support.product import Product, find_leaks, secrets_of, wait_until

pytestmark = pytest.mark.slow

AMINA, JUMA, HALIMA, KIPTOO = (f"+25471100010{number}" for number in (1, 2, 5, 6))
STRANGER = "+254733500077"
HOSTILE = (
    "",
    "0",
    "1",
    "2",
    "3",
    "4",
    "5",
    "9",
    "00",
    "-1",
    "1.5",
    "999999999999",
    "#",
    "**",
    "9" * 400,
    "37000123457",
    "3700012345 7",
    "\u0661",
    "\U0001f600" * 30,
    "\u00e9" * 200,
    "\x00\x1b\n\r",
    "{{ 7|add:7 }}{% debug %}",
    "<script>alert(1)</script>",
    "' OR 1=1; --",
    "../../etc/passwd",
    "%s%n%d",
    "[" * 180,
)


def test_ussd_any_input_at_any_screen_is_answered_with_a_whole_screen(product: Product) -> None:
    chance = random.Random(7)
    for phone in (AMINA, JUMA, STRANGER, KIPTOO):
        handset = Handset(product.caller, phone)
        screen = handset.dial()
        for _ in range(70):
            if screen.is_end:
                handset = Handset(product.caller, phone)
                screen = handset.dial(*chance.choices(("1", "2", "3"), k=chance.randrange(3)))
            else:
                screen = handset.type(chance.choice(HOSTILE))


@pytest.mark.parametrize("hostile", HOSTILE)
def test_ussd_hostile_text_as_the_first_of_a_session_is_answered_and_repeats_alike(
    product: Product, hostile: str
) -> None:
    handset = Handset(product.caller, AMINA)

    assert handset.dial("1", hostile) == handset.hop()


def test_ussd_text_that_goes_back_or_changes_is_answered_with_a_whole_screen(product: Product) -> None:
    handset = Handset(product.caller, AMINA)
    for text in ("1*4", "1", "", "2*3", "1*4*200", "1*4*2", "*", "1*4*200*2", "1*" * 4000, "x" * 20_000):
        read_screen(product.caller.form("ussd/africastalking", handset.fields() | {"text": text}))


@pytest.mark.parametrize(
    "fields",
    [
        {"text": None},
        {"sessionId": None},
        {"phoneNumber": None},
        {"phoneNumber": "nobody"},
        {"phoneNumber": "+254 711*"},
        {"sessionId": "two words"},
    ],
)
def test_ussd_request_that_is_not_the_gateways_is_refused(product: Product, fields: dict[str, str | None]) -> None:
    asked = {
        name: value for name, value in (Handset(product.caller, AMINA).fields() | fields).items() if value is not None
    }

    assert_plain(product.caller.form("ussd/africastalking", asked), 400)


def test_text_of_any_kind_from_a_customer_is_taken(product: Product, world: OutsideWorld) -> None:
    for text in HOSTILE:
        assert_plain(product.caller.text_in(HALIMA, text), 200)

    wait_until(lambda: world.sms_to(HALIMA), 10, "a word of help")
    assert [sms.code for sms in world.sms_to(HALIMA) if sms.code] == []


def test_books_and_log_after_all_this_are_clean(product: Product, world: OutsideWorld) -> None:
    assert product.books() == "differences: 0"
    assert product.count("SELECT COUNT(*) FROM vending_token") == 0
    assert find_leaks(product.log(), secrets_of(product, world), [*product.facts["phones"], STRANGER]) == []
    assert "Traceback" not in product.log()
    assert world.refusals == []
