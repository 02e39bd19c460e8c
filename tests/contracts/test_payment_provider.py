"""What every mobile money operator must do: run over the real adapter against a loopback server, and over the fake.

Here callbacks, their answers and prompts; questions and lists stand in `test_payment_questions.py`.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.http.inbound import InboundRequest, UnreadableCallback
from gateway.payments.ports import Door, Outcome, Payer, PushOutcome, PushRequest, Verdict
from tests.support.payment_worlds import NOW, OWN_SHORT_CODE, PHONE, WORLDS, World, payment_world

PROMPT = PushRequest(PHONE, 20000, "KES", "37000123457", "http://127.0.0.1/hooks/payments/x/y/stk/")


@pytest.fixture(params=WORLDS)
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    with payment_world(request.param, tmp_path) as made:
        yield made


def test_parse_confirmation_is_money_that_moved(world: World) -> None:
    request = world.c2b(Door.CONFIRMATION, receipt="RKL51ZDR4F", amount="200.00", account="37000123457", payer=PHONE)
    claim = world.provider.parse(Door.CONFIRMATION, request)
    assert (claim.provider, claim.door, claim.outcome) == (world.provider.name, Door.CONFIRMATION, Outcome.PAID)
    assert (claim.receipt, claim.amount_minor, claim.currency) == ("RKL51ZDR4F", 20000, world.provider.currency)
    assert (claim.account_text, claim.payer) == ("37000123457", Payer(e164=PHONE))
    assert world.provider.is_own_short_code(claim.short_code)


def test_parse_validation_is_no_money_yet(world: World) -> None:
    request = world.c2b(Door.VALIDATION, receipt="RKL51ZDR4F", amount="200.00", account="37000123457", payer=PHONE)
    claim = world.provider.parse(Door.VALIDATION, request)
    assert (claim.outcome, claim.receipt, claim.amount_minor) == (Outcome.UNKNOWN, "", 20000)
    assert claim.account_text == "37000123457"


def test_parse_stk_paid_has_receipt_and_amount(world: World) -> None:
    claim = world.provider.parse(Door.STK, world.stk("ws_CO_1", Outcome.PAID, receipt="NLJ7RT61SV", amount="200"))
    assert (claim.outcome, claim.checkout_id, claim.receipt) == (Outcome.PAID, "ws_CO_1", "NLJ7RT61SV")
    assert (claim.amount_minor, claim.currency, claim.payer) == (20000, "KES", Payer(e164=PHONE))


@pytest.mark.parametrize("outcome", [Outcome.NOT_PAID, Outcome.UNKNOWN])
def test_parse_stk_not_paid_has_no_receipt_and_no_amount(world: World, outcome: Outcome) -> None:
    claim = world.provider.parse(Door.STK, world.stk("ws_CO_1", outcome, receipt="", amount="0"))
    assert (claim.outcome, claim.checkout_id, claim.receipt, claim.amount_minor) == (outcome, "ws_CO_1", "", 0)
    assert claim.result_code != ""


@pytest.mark.parametrize(("receipt", "amount"), [("", "200"), ("RKL51ZDR4F", "0"), ("RKL51ZDR4F", "-1"), ("A", "x")])
def test_parse_money_without_receipt_or_amount_refused(world: World, receipt: str, amount: str) -> None:
    with pytest.raises(UnreadableCallback):
        world.provider.parse(Door.STK, world.stk("ws_CO_1", Outcome.PAID, receipt=receipt, amount=amount))
    request = world.c2b(Door.CONFIRMATION, receipt=receipt, amount=amount, account="1", payer=PHONE)
    with pytest.raises(UnreadableCallback):
        world.provider.parse(Door.CONFIRMATION, request)


def test_parse_stk_without_checkout_id_refused(world: World) -> None:
    with pytest.raises(UnreadableCallback):
        world.provider.parse(Door.STK, world.stk("", Outcome.NOT_PAID, receipt="", amount="0"))


@pytest.mark.parametrize("door", list(Door))
@pytest.mark.parametrize("body", [b"", b"\xff", b"null", b"[]", b"{}", b'{"Body": 1}', b"[" * 60000, b"a=1&b=2"])
def test_parse_other_shapes_refused(world: World, door: Door, body: bytes) -> None:
    with pytest.raises(UnreadableCallback):
        world.provider.parse(door, InboundRequest("POST", "application/json", body))


def test_answer_each_door_and_verdict_is_a_json_200(world: World) -> None:
    assert world.provider.doors == frozenset(Door)
    for door in world.provider.doors:
        for verdict in Verdict:
            reply = world.provider.answer(door, verdict)
            assert (reply.status, reply.content_type) == (200, "application/json")
            assert json.loads(reply.body) != {}


def test_answer_validation_accept_differs_from_each_refusal(world: World) -> None:
    bodies = [world.provider.answer(Door.VALIDATION, verdict).body for verdict in Verdict]
    assert len(set(bodies)) == len(Verdict)


def test_answer_moved_money_is_the_same_whatever_the_verdict(world: World) -> None:
    for door in (Door.CONFIRMATION, Door.STK):
        assert len({world.provider.answer(door, verdict).body for verdict in Verdict}) == 1


def test_is_own_short_code_only_ours(world: World) -> None:
    assert world.provider.is_own_short_code(OWN_SHORT_CODE)
    assert not world.provider.is_own_short_code("400201")
    assert not world.provider.is_own_short_code("")


@pytest.mark.parametrize("outcome", list(PushOutcome))
def test_push_each_outcome_asked_once_and_told(world: World, outcome: PushOutcome) -> None:
    world.answer_next(outcome)
    result = world.provider.push(PROMPT, now=NOW)
    assert result.outcome is outcome
    assert bool(result.checkout_id) == (outcome is PushOutcome.ACCEPTED)
    assert result.code != ""
    assert world.pushed() == ["37000123457"]


def test_push_two_prompts_two_checkouts(world: World) -> None:
    checkout_ids = set()
    for _ in range(2):
        world.answer_next(PushOutcome.ACCEPTED)
        checkout_ids.add(world.provider.push(PROMPT, now=NOW).checkout_id)
    assert len(checkout_ids) == 2
