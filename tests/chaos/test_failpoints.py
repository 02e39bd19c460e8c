"""Each fail-point of the flow: the process there is killed by signal 9, `up` heals itself, the money comes out whole.

First every point is struck, and at each the work that comes next is served within ten seconds. Then what was under way
at each death is looked at: one payment, one token, one set of postings, and the digits on the phone by the SMS
provider's own count.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
import requests

from gateway.failpoints import Failpoint
from tests.support.outside_callers import Caller, Handset, new_receipt
from tests.support.outside_world import OutsideWorld, Push
from tests.support.processes import free_port
from tests.support.product import Product, find_leaks, secrets_of, wait_until
from tests.support.twins import in_place_of, web_beside

pytestmark = [pytest.mark.money_path, pytest.mark.slow]

BACK_AT_WORK_SECONDS = 10.0
HEALED_SECONDS = 45.0  # the longest lease, of a prompt, is thirty
AMINA, WANJIRU, OTIENO, HALIMA = (f"+25471100010{number}" for number in (1, 3, 4, 5))

# What stands in the tables at the moment of death: payment, sale, length of the digits, and whether a text is queued
# (a worker of texts may be sending it by then).
TOKENS = {
    Failpoint.PAYMENTS_CLAIMED: ("CONFIRMED", None, None, False),
    Failpoint.ALLOCATE_BEFORE_COMMIT: ("CONFIRMED", None, None, False),
    Failpoint.ALLOCATE_AFTER_COMMIT: ("ALLOCATED", "ISSUING", 0, False),
    Failpoint.MODULE_ANSWERED: ("ALLOCATED", "ISSUING", 0, False),
    Failpoint.DIGITS_STORED: ("ALLOCATED", "ISSUING", 20, False),
    Failpoint.ISSUE_BEFORE_COMMIT: ("ALLOCATED", "ISSUING", 20, False),
    Failpoint.ISSUE_AFTER_COMMIT: ("ALLOCATED", "ISSUED", 20, True),
}
SENT_AT_DEATH = {Failpoint.MESSAGE_CLAIMED: 0, Failpoint.MESSAGE_SENT: 1}
PUSHED_AT_DEATH = {Failpoint.PUSH_CLAIMED: 0, Failpoint.PUSH_SENT: 1}
KNOWN_AT_DEATH = {Failpoint.ACCEPT_BEFORE_COMMIT: 0, Failpoint.ACCEPT_AFTER_COMMIT: 1}
# Points of one kind stand apart, the longest leases first, so that leases end while other points are struck.
ORDER = (
    Failpoint.PUSH_CLAIMED,
    Failpoint.PAYMENTS_CLAIMED,
    Failpoint.MESSAGE_CLAIMED,
    Failpoint.ALLOCATE_BEFORE_COMMIT,
    Failpoint.ACCEPT_BEFORE_COMMIT,
    Failpoint.ALLOCATE_AFTER_COMMIT,
    Failpoint.ACCEPT_AFTER_COMMIT,
    Failpoint.MODULE_ANSWERED,
    Failpoint.MESSAGE_SENT,
    Failpoint.DIGITS_STORED,
    Failpoint.PUSH_SENT,
    Failpoint.ISSUE_BEFORE_COMMIT,
    Failpoint.ISSUE_AFTER_COMMIT,
)
# Work of each kind that has not come to rest: a twin must meet its victim and nothing older.
UNREST = {
    "tokens": "SELECT (SELECT COUNT(*) FROM gateway_payment WHERE state = 'CONFIRMED')"
    " + (SELECT COUNT(*) FROM vending_vend WHERE state IN ('FUNDED', 'ISSUING'))",
    "messages": "SELECT COUNT(*) FROM gateway_message WHERE state IN ('QUEUED', 'SENDING')",
    "pushes": "SELECT COUNT(*) FROM gateway_payment WHERE state = 'EXPECTED' AND checkout_id IS NULL",
}


@dataclass
class Ground:
    """One product with one outside world, and what was struck on it: the victim's receipt and phone by point."""

    product: Product
    world: OutsideWorld
    victims: dict[Failpoint, tuple[str, str]] = field(default_factory=dict)

    def pay(self, phone: str, caller: Caller | None = None) -> str:
        """A pay-bill payment for this phone's meter; its receipt."""
        receipt = new_receipt()
        self.tell(phone, receipt, caller)
        return receipt

    def tell(self, phone: str, receipt: str, caller: Caller | None = None) -> None:
        drn = self.product.active_meter(phone)["drn"]
        assert (caller or self.product.caller).confirm(receipt, 100, drn, phone).status_code == 200

    def codes(self, phone: str, receipt: str) -> list[str]:
        return [sms.code for sms in self.world.sms_to(phone, containing=receipt)]

    def buy(self, phone: str, amount: int) -> None:
        assert Handset(self.product.caller, phone).dial("1", "4", str(amount), "1").is_end

    def pushes(self, phone: str, amount: int) -> list[Push]:
        return [push for push in self.world.pushes_to(phone) if push.fields["Amount"] == str(amount)]

    def rest(self, kind: str) -> None:
        wait_until(lambda: self.product.count(UNREST[kind]) == 0, HEALED_SECONDS, f"{kind} to come to rest")

    def facts_of(self, receipt: str) -> list[tuple[object, ...]]:
        """State of the payment and its sale, length of the digits, state of the text."""
        return self.product.select(
            "SELECT p.state, v.state, LENGTH(t.digits), m.state FROM gateway_payment p"
            " LEFT JOIN vending_authority a ON a.kind = 'payment' AND a.reference = CAST(p.id AS TEXT)"
            " LEFT JOIN vending_vend v ON v.authority_id = a.id LEFT JOIN vending_token t ON t.authority_id = a.id"
            " LEFT JOIN gateway_message m ON m.vend_id = v.id WHERE p.receipt = ?",
            receipt,
        )

    def assert_back_at_work(self, died_at: float, is_served: Callable[[], object]) -> None:
        wait_until(is_served, BACK_AT_WORK_SECONDS - (time.monotonic() - died_at), "new work to be served")


@pytest.fixture(scope="module")
def ground(product: Product, world: OutsideWorld) -> Ground:
    return Ground(product, world)


def test_every_point_is_struck_and_the_order_is_whole() -> None:
    assert sorted(ORDER) == sorted(Failpoint)
    assert sorted([*TOKENS, *SENT_AT_DEATH, *PUSHED_AT_DEATH, *KNOWN_AT_DEATH]) == sorted(Failpoint)


@pytest.mark.parametrize("point", ORDER)
def test_killed_at_point_serves_new_work_within_ten_seconds(ground: Ground, point: Failpoint) -> None:
    if point in TOKENS:
        strike_tokens(ground, point)
    elif point in SENT_AT_DEATH:
        strike_messages(ground, point)
    elif point in PUSHED_AT_DEATH:
        strike_pushes(ground, point)
    else:
        strike_web(ground, point)


def strike_tokens(ground: Ground, point: Failpoint) -> None:
    ground.rest("tokens")
    with in_place_of(ground.product, "tokens", point) as twin:
        receipt = ground.pay(OTIENO)
        ground.victims[point] = receipt, OTIENO
        twin.start_and_be_killed()
        ((payment, sale, digits, text),) = ground.facts_of(receipt)
        assert (payment, sale, digits, text is not None) == TOKENS[point]
    later = ground.pay(HALIMA)
    ground.assert_back_at_work(twin.died_at, lambda: ground.codes(HALIMA, later))


def strike_messages(ground: Ground, point: Failpoint) -> None:
    ground.rest("tokens")
    ground.rest("messages")
    with in_place_of(ground.product, "calls", point) as twin:
        receipt = ground.pay(OTIENO)
        ground.victims[point] = receipt, OTIENO
        twin.start_and_be_killed()
        assert ground.facts_of(receipt) == [("ALLOCATED", "ISSUED", 20, "SENDING")]
        assert len(ground.codes(OTIENO, receipt)) == SENT_AT_DEATH[point]
    later = ground.pay(HALIMA)
    ground.assert_back_at_work(twin.died_at, lambda: ground.codes(HALIMA, later))


def amount_of(point: Failpoint) -> int:
    """An amount for each point, by which its prompts are told from others."""
    return 200 + ORDER.index(point)


def strike_pushes(ground: Ground, point: Failpoint) -> None:
    amount = amount_of(point)
    ground.rest("pushes")
    with in_place_of(ground.product, "calls", point) as twin:
        ground.buy(AMINA, amount)
        ground.victims[point] = new_receipt(), AMINA
        twin.start_and_be_killed()
        open_purchase = "SELECT state, checkout_id FROM gateway_payment WHERE amount_minor = ?"
        assert ground.product.select(open_purchase, amount * 100) == [("EXPECTED", None)]
        assert len(ground.pushes(AMINA, amount)) == PUSHED_AT_DEATH[point]
    ground.buy(WANJIRU, amount)
    ground.assert_back_at_work(twin.died_at, lambda: ground.pushes(WANJIRU, amount))


def strike_web(ground: Ground, point: Failpoint) -> None:
    bind = f"127.0.0.1:{free_port()}"
    beside = Caller(f"http://{bind}", ground.product.caller.secret)
    with web_beside(ground.product, point, bind):
        wait_until(lambda: is_live(beside), 15, "the second web server")
        receipt = new_receipt()
        ground.victims[point] = receipt, OTIENO
        with pytest.raises(requests.ConnectionError):
            ground.tell(OTIENO, receipt, beside)
        died_at = time.monotonic()
        known = ground.product.count("SELECT COUNT(*) FROM gateway_payment WHERE receipt = ?", receipt)
        journalled = ground.product.count("SELECT COUNT(*) FROM gateway_callback WHERE subject = ?", receipt)
        assert (known, journalled) == (KNOWN_AT_DEATH[point],) * 2
        ground.assert_back_at_work(died_at, lambda: is_live(beside))
    assert "SIGKILL" in ground.product.log()
    if not known:
        ground.tell(OTIENO, receipt)  # who was not answered tells it again
    ground.assert_back_at_work(died_at, lambda: ground.codes(OTIENO, receipt))
    ground.tell(OTIENO, receipt)


def is_live(caller: Caller) -> bool:
    try:
        return caller.send("GET", f"{caller.base_url}/health/live").status_code == 200
    except requests.ConnectionError:
        return False


@pytest.mark.parametrize("point", [point for point in ORDER if point in PUSHED_AT_DEATH])
def test_purchase_whose_prompt_died_at_point_is_prompted_and_paid_once(ground: Ground, point: Failpoint) -> None:
    receipt, phone = ground.victims[point]
    pushes = wait_until(lambda: ground.pushes(phone, amount_of(point)), HEALED_SECONDS, "the prompt")

    assert ground.product.caller.answer_push(pushes[0], receipt).status_code == 200

    wait_until(lambda: ground.codes(phone, receipt), 10, "the code")
    assert len(ground.pushes(phone, amount_of(point))) <= 1 + PUSHED_AT_DEATH[point]


@pytest.mark.parametrize("point", ORDER)
def test_killed_at_point_comes_to_one_token_and_one_set_of_postings(ground: Ground, point: Failpoint) -> None:
    receipt, phone = ground.victims[point]
    copies = 2 if point is Failpoint.MESSAGE_SENT else 1

    wait_until(lambda: len(ground.codes(phone, receipt)) >= copies, HEALED_SECONDS, "the code")

    wait_until(
        lambda: ground.facts_of(receipt) == [("ALLOCATED", "ISSUED", 20, "ACCEPTED")], 5, "its end in the tables"
    )
    ((payment_id, digits),) = ground.product.select(
        "SELECT p.id, t.digits FROM gateway_payment p JOIN vending_authority a ON a.reference = CAST(p.id AS TEXT)"
        " JOIN vending_token t ON t.authority_id = a.id WHERE p.receipt = ?",
        receipt,
    )
    assert ground.codes(phone, receipt) == [digits] * copies
    entries = ground.product.select(
        "SELECT e.cause, SUM(l.amount_minor) FROM vending_ledgerentry e JOIN vending_ledgerline l ON l.entry_id = e.id"
        " WHERE e.cause LIKE ? GROUP BY e.cause",
        f"payment:{payment_id}:%",
    )
    assert entries == [(f"payment:{payment_id}:allocated", 0)]


def test_after_all_deaths_no_text_was_sent_twice_but_the_one_whose_answer_was_lost(ground: Ground) -> None:
    ground.rest("messages")
    lost, _phone = ground.victims[Failpoint.MESSAGE_SENT]
    texts = [sms.text for sms in ground.world.sms]

    assert {text for text in texts if texts.count(text) > 1} == {text for text in texts if lost in text}
    assert len(texts) == len(set(texts)) + 1


def test_after_all_deaths_books_and_log_are_clean(ground: Ground) -> None:
    assert ground.product.books() == "differences: 0"
    secrets = secrets_of(ground.product, ground.world)
    assert find_leaks(ground.product.log(), secrets, ground.product.facts["phones"]) == []
