"""Two persons at the desk, the provider that is asked for refunds, and what tests read of the outcome."""

import pytest

from fleet.approvals.models import Approval
from fleet.audit.models import AuditEntry
from fleet.cases.models import Case
from fleet.operators.models import Operator
from fleet.operators.services import set_operator
from gateway.books.queries import list_differences
from gateway.desk.services import DeskTools, Kind, approve, propose
from gateway.inquiries.models import Inquiry
from gateway.inquiries.services import take_answer
from gateway.payments.models import Payment
from gateway.payments.ports import Outcome, ProviderAnswer
from gateway.refunds.models import Refund
from gateway.refunds.services import apply_reversals, ask_one, settle_reversal_answer
from gateway.reversals.models import Reversal
from gateway.reversals.services import note_reversal
from gateway.sms.models import Message
from tests.support.fake_payment_provider import FakePaymentProvider
from tests.support.fake_security_module import FakeSecurityModule
from tests.support.world import ACTOR, NOW, World
from vending.ledger.models import LedgerEntry, LedgerLine

FAKE_KENS = {("201457", 1, 2): 255}
FLOAT = "float:daraja"
TOOLS = DeskTools(lambda: 5, 30)
UNKNOWN_ACCOUNT = "NO SUCH METER"


def operator(name: str) -> Operator:
    """The person of this name, made once: hashing a password takes its time."""
    known = Operator.objects.filter(username=name).first()
    return known or set_operator(username=name, password="a-long-password-1", actor=ACTOR, now=NOW)


def proposed(world: World, kind: Kind, subject_id: int, **given: object) -> Approval:
    maker = operator("maker")
    operator("checker")  # so that what a refusal writes can be counted
    return propose(
        kind=kind,
        subject_id=subject_id,
        terms=given,
        reason="asked by phone",
        maker_id=maker.pk,
        actor=f"operator:{maker.pk}",
        now=world.now,
    )


def approved(world: World, approval: Approval, by: str = "checker") -> Approval:
    checker = operator(by)
    return approve(
        approval_id=approval.pk, checker_id=checker.pk, tools=TOOLS, actor=f"operator:{checker.pk}", now=world.now
    )


def agreed(world: World, kind: Kind, subject_id: int, **given: object) -> Approval:
    """An act of two persons, done."""
    return approved(world, proposed(world, kind, subject_id, **given))


# Sales and money that the desk has to do with


def down(world: World) -> None:
    world.module = FakeSecurityModule(FAKE_KENS, is_unavailable=True)


def held_sale(world: World, amount_minor: int = 20_000, account: str = "") -> Payment:
    """A payment whose sale has its money, and no code."""
    module = world.module
    down(world)
    payment = world.sell(amount_minor, account)
    world.module = module
    return payment


def lost_payment(world: World) -> Payment:
    """Money for which no meter is known."""
    return world.sell(20_000, account=UNKNOWN_ACCOUNT)


def refund_of(world: World, payment: Payment) -> Refund:
    """All of a payment, on its way back."""
    return Refund.objects.get(approval=agreed(world, Kind.PAYMENT_REFUND, payment.pk))


def part_of(world: World, payment: Payment, amount_minor: int) -> Refund:
    """A part of the meter's wallet, to be paid out by hand."""
    given = {"payment_id": payment.pk, "amount_minor": amount_minor}
    return Refund.objects.get(approval=agreed(world, Kind.WALLET_REFUND, payment.meter_id or 0, **given))


# The provider


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> FakePaymentProvider:
    """Who is asked for refunds."""
    fake = FakePaymentProvider("daraja")
    monkeypatch.setattr("gateway.refunds.services.get_provider", lambda _name: fake)
    return fake


def ask(world: World) -> bool:
    return ask_one(clock=lambda: world.now)


def answered(world: World, inquiry: Inquiry, outcome: Outcome, receipt: str = "", code: str = "0") -> None:
    """The answer by the result door, as it takes it."""
    answer = ProviderAnswer(
        provider="daraja",
        conversation_id=inquiry.conversation_id or "",
        originator_id="",
        outcome=outcome,
        result_code=code,
        receipt=receipt,
        original_receipt=inquiry.payment.receipt or "",
        currency="KES",
    )
    taken = take_answer(answer=answer, actor="provider:daraja", now=world.now)
    assert taken.inquiry == inquiry
    settle_reversal_answer(inquiry=inquiry, answer=answer, actor="provider:daraja", now=world.now)


def note(world: World, payment_receipt: str, amount_minor: int = 20_000, receipt: str = "REVRSL0001") -> Reversal:
    """A statement says that a payment was taken back."""
    return note_reversal(
        provider="daraja",
        payment_receipt=payment_receipt,
        receipt=receipt,
        amount_minor=amount_minor,
        currency="KES",
        door="statement",
        actor=ACTOR,
        now=world.now,
    )


def take_back(world: World, payment: Payment, amount_minor: int | None = None, receipt: str = "REVRSL0001") -> Reversal:
    """The provider takes a payment back, and the sweep books it."""
    reversal = note(world, payment.receipt or "", amount_minor or payment.amount_minor, receipt)
    apply_reversals(now=world.now, actor=ACTOR)
    payment.refresh_from_db()
    reversal.refresh_from_db()
    return reversal


# What is so afterwards


def lines_of(cause: str) -> list[tuple[str, int | None, int]]:
    """(account, meter, amount) of each line of an entry."""
    lines = LedgerLine.objects.filter(entry__cause=cause).order_by("account", "meter_id", "pk")
    return list(lines.values_list("account", "meter_id", "amount_minor"))


def sums_of(cause: str) -> dict[str, int]:
    """The amounts of an entry by account, for one that has no account twice."""
    lines = lines_of(cause)
    sums = {account: amount for account, _, amount in lines}
    assert len(sums) == len(lines)
    return sums


def differences(world: World) -> list[str]:
    return list(list_differences(world.now))


def open_cases() -> set[tuple[str, str]]:
    return set(Case.objects.filter(closed_at=None).values_list("reason", "subject"))


def written() -> tuple[int, ...]:
    """What a refusal leaves as it is."""
    return tuple(model._default_manager.count() for model in (LedgerEntry, AuditEntry, Message, Refund))
