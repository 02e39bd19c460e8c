"""What every mobile money operator must answer: what became of a prompt, statuses, reversals, and its own list.

Run over the real adapter against a loopback server, and over the fake.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.http.inbound import InboundRequest, UnreadableCallback
from gateway.payments.ports import Door, Outcome, Payer, PushOutcome, ResultAddresses, ReversalRequest
from tests.support.payment_worlds import CHECKOUT, NOW, PHONE, STARTS_AT, WORLDS, World, payment_world

ADDRESSES = ResultAddresses("http://127.0.0.1/result/", "http://127.0.0.1/timeout/")


@pytest.fixture(params=WORLDS)
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    with payment_world(request.param, tmp_path) as made:
        yield made


@pytest.mark.parametrize("outcome", list(Outcome))
def test_query_prompt_each_outcome_told(world: World, outcome: Outcome) -> None:
    world.prompt_is(outcome)
    status = world.provider.query_prompt(CHECKOUT, now=NOW)
    assert status.outcome is outcome
    assert status.code != ""


@pytest.mark.parametrize("outcome", list(PushOutcome))
def test_ask_status_each_outcome_asked_once_and_told(world: World, outcome: PushOutcome) -> None:
    world.ask_next(outcome)
    asked = world.provider.ask_status("RKL51ZDR4F", ADDRESSES, now=NOW)
    assert asked.outcome is outcome
    assert bool(asked.conversation_id) == bool(asked.originator_id) == (outcome is PushOutcome.ACCEPTED)
    assert asked.code != ""
    assert world.asked() == ["RKL51ZDR4F"]


@pytest.mark.parametrize("outcome", list(PushOutcome))
def test_ask_reversal_each_outcome_asked_once_and_told(world: World, outcome: PushOutcome) -> None:
    world.ask_next(outcome)
    asked = world.provider.ask_reversal(ReversalRequest("RKL51ZDR4F", 20000, "KES", "why", ADDRESSES), now=NOW)
    assert asked.outcome is outcome
    assert bool(asked.conversation_id) == bool(asked.originator_id) == (outcome is PushOutcome.ACCEPTED)
    assert asked.code != ""
    assert world.asked() == ["RKL51ZDR4F"]


def test_ask_twice_two_conversations(world: World) -> None:
    conversations = set()
    for _ in range(2):
        world.ask_next(PushOutcome.ACCEPTED)
        conversations.add(world.provider.ask_status("RKL51ZDR4F", ADDRESSES, now=NOW).conversation_id)
    assert len(conversations) == 2


@pytest.mark.parametrize("outcome", list(Outcome))
def test_read_answer_of_a_status_names_its_conversation_and_its_payment(world: World, outcome: Outcome) -> None:
    request = world.status_answer("AG_7", outcome, receipt="RKL51ZDR4F", amount="200")
    answer = world.provider.read_answer(Door.RESULT, request)
    assert (answer.provider, answer.conversation_id, answer.outcome) == (world.provider.name, "AG_7", outcome)
    assert (answer.receipt, answer.original_receipt) == ("RKL51ZDR4F", "")
    assert (answer.amount_minor, answer.currency, answer.payer) == (20000, "KES", Payer(e164=PHONE))
    assert answer.result_code != ""


def test_read_answer_of_a_reversal_names_both_receipts(world: World) -> None:
    request = world.reversal_answer("AG_7", receipt="SKE52PAWR9", original_receipt="RKL51ZDR4F", amount="200")
    answer = world.provider.read_answer(Door.RESULT, request)
    assert (answer.outcome, answer.receipt, answer.original_receipt) == (Outcome.PAID, "SKE52PAWR9", "RKL51ZDR4F")
    assert (answer.conversation_id, answer.amount_minor, answer.currency) == ("AG_7", 20000, "KES")


def test_read_answer_at_the_timeout_door_unknown(world: World) -> None:
    request = world.status_answer("AG_7", Outcome.PAID, receipt="RKL51ZDR4F", amount="200")
    answer = world.provider.read_answer(Door.TIMEOUT, request)
    assert (answer.conversation_id, answer.outcome) == ("AG_7", Outcome.UNKNOWN)


@pytest.mark.parametrize("body", [b"", b"\xff", b"null", b"[]", b"{}", b'{"Result": 1}', b"[" * 60000, b"a=1&b=2"])
def test_read_answer_and_list_other_shapes_refused(world: World, body: bytes) -> None:
    request = InboundRequest("POST", "application/json", body)
    for door in (Door.RESULT, Door.TIMEOUT):
        with pytest.raises(UnreadableCallback):
            world.provider.read_answer(door, request)
    with pytest.raises(UnreadableCallback):
        world.provider.read_list(request)


def test_read_list_is_money_that_moved(world: World) -> None:
    claims = world.provider.read_list(world.posted_list(("RKL51ZDR4F", "200"), ("RKL51ZDR4G", "50")))
    assert [(claim.receipt, claim.amount_minor) for claim in claims] == [("RKL51ZDR4F", 20000), ("RKL51ZDR4G", 5000)]
    assert {(claim.provider, claim.door, claim.outcome) for claim in claims} == {
        (world.provider.name, Door.PULL, Outcome.PAID)
    }
    assert all(world.provider.is_own_short_code(claim.short_code) for claim in claims)


def test_pull_every_page_until_there_is_none(world: World) -> None:
    payments = [(f"RKL51ZDR4{letter}", "200") for letter in "ABCDE"]
    world.lists(*payments)
    offset: int | None = 0
    receipts: list[str] = []
    while offset is not None:
        page = world.provider.pull(STARTS_AT, NOW, offset, now=NOW)
        assert page.is_complete
        assert page.next_offset is None or page.next_offset > offset
        offset = page.next_offset
        receipts += [claim.receipt for claim in page.claims]
        assert {(claim.door, claim.outcome, claim.account_text) for claim in page.claims} <= {
            (Door.PULL, Outcome.PAID, "37000123457")
        }
    assert receipts == [receipt for receipt, _ in payments]


def test_pull_nothing_there_complete(world: World) -> None:
    world.lists()
    page = world.provider.pull(STARTS_AT, NOW, 0, now=NOW)
    assert (page.claims, page.next_offset, page.is_complete) == ((), None, True)


def test_pull_without_an_answer_incomplete(world: World) -> None:
    world.is_silent()
    page = world.provider.pull(STARTS_AT, NOW, 0, now=NOW)
    assert (page.claims, page.next_offset, page.is_complete) == ((), None, False)
    assert page.code != ""
