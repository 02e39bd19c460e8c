"""Money through every door and every hand, in any order: a seeded walk over the services, and the law that holds of it.

Every confirmed shilling is a token, in a wallet, on its way back, gone back, or waits with an open case that has a due
time; and the books have no differences. A failure names its seed: set `MONEY_MACHINE_SEED` to walk it again.
"""

import os
import random
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.conf import settings
from django.db import transaction

from fleet.approvals.models import Approval
from fleet.cases.models import Case
from fleet.meters.lifecycle import MeterState
from fleet.meters.models import Meter
from fleet.meters.services import move_meter
from gateway.books.queries import list_differences
from gateway.claims.services import answer_claim, claim_by_receipt, claim_wrong_meter, expire_claims, propose_meter
from gateway.desk.services import Kind, approve, propose
from gateway.fulfilment.services import AUTHORITY_KINDS
from gateway.fulfilment.stuck import open_stuck_cases
from gateway.http.inbound import InboundRequest
from gateway.inquiries.services import ask_statuses, lose_inquiries, query_prompts
from gateway.payments.lifecycle import PaymentState
from gateway.payments.models import Payment
from gateway.payments.ports import STATEMENT, Door, Outcome
from gateway.payments.services import confirm_payment, give_up_purchases, verify_payment
from gateway.reconciliation.freezing import freeze_missing, release_sales
from gateway.reconciliation.models import Statement
from gateway.refunds.lifecycle import RefundState
from gateway.refunds.models import Refund
from gateway.refunds.services import apply_reversals, ask_one, record_payout
from gateway.webhooks.services import journal, take_listed
from tests.support.desk import TOOLS, UNKNOWN_ACCOUNT, down, note, operator
from tests.support.doubted import DOUBTED, prompted
from tests.support.fake_payment_provider import FakePaymentProvider
from tests.support.world import ACTOR, AMINA, JUMA, World
from vending.kernel.errors import DomainError
from vending.vends.lifecycle import VendState
from vending.vends.models import UNFINISHED, Vend
from vending.vends.services import give_up_vends

pytestmark = [pytest.mark.django_db, pytest.mark.money_path]

SEEDS = [int(os.environ["MONEY_MACHINE_SEED"])] if "MONEY_MACHINE_SEED" in os.environ else [1, 2, 3]
STEPS = 90
AMOUNTS = (50, 500, 1_000, 1_500, 20_000, 33_333)


class Machine:
    """The world, a source of chance, and what can happen next. What the product refuses changes nothing."""

    def __init__(self, world: World, seed: int) -> None:
        self.world, self.chance, self.module = world, random.Random(seed), world.module
        self.numbers = 0
        self.told: list[str] = []

    def step(self) -> None:
        name, act = self.chance.choices(ACTS, weights=WEIGHTS)[0]
        self.told.append(name)
        try:
            with transaction.atomic():
                act(self)
        except DomainError as refusal:
            self.told[-1] += f" ({refusal.code})"

    def number(self, prefix: str) -> str:
        self.numbers += 1
        return f"{prefix}{self.numbers:06}"

    def amount(self) -> int:
        return self.chance.choice(AMOUNTS)

    def meter(self) -> Meter:
        return self.chance.choice([self.world.meter, self.world.other_meter])

    def payer(self) -> str:
        return self.chance.choice([AMINA, JUMA])

    def account(self) -> str:
        return self.chance.choice([self.world.meter.drn, self.world.other_meter.drn, UNKNOWN_ACCOUNT])

    def payment(self) -> Payment | None:
        """Nearly always one of the last."""
        paid = list(Payment.objects.exclude(receipt=None).order_by("-pk")[: self.chance.choice([3, 8, 100])])
        return self.chance.choice(paid) if paid else None

    # Money in

    def confirm(self) -> None:
        self.world.confirm(self.amount(), self.account(), self.payer())

    def confirm_doubted(self) -> None:
        """A confirmation that nobody vouches for, journalled as the door does."""
        claim = self.world.claim(self.amount(), self.account(), self.payer(), self.number("DOUBT"))
        journal(
            provider=claim.provider,
            door=Door.CONFIRMATION,
            request=InboundRequest("POST", "application/json", b"{}"),
            subject=claim.receipt,
            outcome="accepted",
            now=self.world.now,
        )
        confirm_payment(claim=claim, reference="", trust=DOUBTED, actor=ACTOR, now=self.world.now)

    def repeat(self) -> None:
        if payment := self.payment():
            amount = payment.amount_minor + self.chance.choice([0, 0, 100])
            text = payment.account_text or self.account()
            self.world.take(self.world.claim(amount, text, self.payer(), payment.receipt or ""))

    def prompt(self) -> None:
        prompted(self.world, self.number("ws_CO_"), self.payer())

    def prompt_answered(self) -> None:
        purchases = list(Payment.objects.exclude(checkout_id=None).order_by("-pk")[:5])
        if not purchases:
            return
        purchase = self.chance.choice(purchases)
        checkout_id = purchase.checkout_id or ""
        outcome = self.chance.choice([Outcome.PAID, Outcome.PAID, Outcome.NOT_PAID, Outcome.UNKNOWN])
        if outcome is not Outcome.PAID:
            self.world.take(self.world.prompt_failed(checkout_id, outcome))
            return
        receipt = self.number("PRMPT") if not purchase.receipt or self.chance.random() < 0.1 else purchase.receipt
        phone = purchase.payer_e164 or AMINA
        self.world.take(self.world.prompt_paid(checkout_id, receipt, purchase.amount_minor, phone))

    def listed(self) -> None:
        known = self.payment()
        is_known = known is not None and self.chance.random() < 0.7
        receipt = known.receipt or "" if known and is_known else self.number("LISTD")
        amount = known.amount_minor if known and is_known else self.amount()
        claim = self.world.claim(amount + self.chance.choice([0, 0, 0, 100]), self.account(), AMINA, receipt)
        take_listed(claim=claim, raw=receipt.encode(), source=STATEMENT, actor=ACTOR, now=self.world.now)

    # Doubts

    def verify(self) -> None:
        if payment := self.payment():
            outcome = self.chance.choice([Outcome.PAID, Outcome.PAID, Outcome.NOT_PAID, Outcome.UNKNOWN])
            amount = payment.amount_minor + self.chance.choice([0, 0, 0, 1])
            verify_payment(payment_id=payment.pk, outcome=outcome, amount_minor=amount, actor=ACTOR, now=self.world.now)

    def freeze(self) -> None:
        """As reconciliation does, with its sale and its case."""
        payment = self.payment()
        if payment is None:
            return
        now = self.world.now
        facts = {"starts_at": now - timedelta(days=9), "ends_at": now, "line_count": 0, "imported_at": now}
        statement, _ = Statement.objects.get_or_create(
            provider="daraja", file_sha256="0" * 64, defaults={"file_name": "none.csv", **facts}
        )
        freeze_missing(payment_id=payment.pk, statement=statement, actor=ACTOR, now=now)

    # Time and machines

    def work(self) -> None:
        for _ in range(3):
            self.world.fulfil()
            self.world.resume()

    def later(self) -> None:
        self.world.later(self.chance.choice([5, 60, 900, 90_000]))

    def sweep(self) -> None:
        """What beat starts, but for the flow itself."""
        now = self.world.now
        give_up_purchases(now=now)
        lose_inquiries(now=now)
        query_prompts(clock=lambda: now, limit=20)
        ask_statuses(clock=lambda: now, limit=20)
        release_sales(actor=ACTOR, now=now)
        apply_reversals(now=now, actor=ACTOR)
        expire_claims(now=now)
        give_up_vends(now=now, actor=ACTOR)
        open_stuck_cases(now=now)
        while ask_one(clock=lambda: now):
            pass

    def module_down(self) -> None:
        down(self.world)

    def module_up(self) -> None:
        self.world.module = self.module

    def block(self) -> None:
        meter = Meter.objects.get(pk=self.meter().pk)
        state = MeterState.ACTIVE if meter.state == MeterState.SUSPENDED else MeterState.SUSPENDED
        move_meter(meter_id=meter.pk, state=state, reason="test", actor=ACTOR, now=self.world.now)

    # Customers

    def claim(self) -> None:
        payment, phone, now = self.payment(), self.payer(), self.world.now
        if payment is None:
            return
        receipt, drn = payment.receipt or "", self.meter().drn
        acts: list[Callable[[], object]] = [
            lambda: claim_wrong_meter(receipt=receipt, phone_e164=phone, right_drn=drn, actor=ACTOR, now=now),
            lambda: claim_by_receipt(receipt=receipt, phone_e164=phone, drn=drn, actor=ACTOR, now=now),
            lambda: propose_meter(phone_e164=phone, drn=drn, actor=ACTOR, now=now),
            lambda: answer_claim(phone_e164=phone, is_yes=self.chance.random() < 0.8, actor=ACTOR, now=now),
        ]
        self.chance.choice(acts)()

    # The desk

    def propose(self) -> None:
        payment = self.payment()
        if payment is None:
            return
        meter, maker = self.meter(), operator("maker")
        part = {"payment_id": payment.pk, "amount_minor": self.chance.choice([1, 200, payment.amount_minor])}
        vend = Vend.objects.filter(state=VendState.HELD).order_by("-pk").first()
        kind, subject_id, given = self.chance.choice(
            [
                (Kind.PAYMENT_ASSIGN, payment.pk, {"meter_id": meter.pk}),
                (Kind.PAYMENT_MOVE, payment.pk, {"meter_id": meter.pk}),
                (Kind.SALE_CANCEL, vend.pk if vend else 1, {}),
                (Kind.PAYMENT_REFUND, payment.pk, {}),
                (Kind.WALLET_REFUND, payment.meter_id or meter.pk, part),
                (Kind.PAYMENT_DECLINE, payment.pk, {}),
                (Kind.PAYMENT_RELEASE, payment.pk, {}),
            ]
        )
        self.told[-1] += f" {kind}"
        propose(
            kind=kind,
            subject_id=subject_id,
            terms=given,
            reason="asked by phone",
            maker_id=maker.pk,
            actor=f"operator:{maker.pk}",
            now=self.world.now,
        )
        if self.chance.random() < 0.8:
            self.approve()

    def approve(self) -> None:
        waiting = Approval.objects.filter(state="WAITING").order_by("-pk").first()
        if waiting:
            checker = operator("checker")
            actor = f"operator:{checker.pk}"
            approve(approval_id=waiting.pk, checker_id=checker.pk, tools=TOOLS, actor=actor, now=self.world.now)

    def pay_out(self) -> None:
        refund = Refund.objects.filter(state=RefundState.BY_HAND).order_by("pk").first()
        if refund:
            clerk, now = operator("checker"), self.world.now
            receipt, actor = self.number("PAYOUT"), f"operator:{clerk.pk}"
            record_payout(refund_id=refund.pk, receipt=receipt, operator_id=clerk.pk, actor=actor, now=now)

    def take_back(self) -> None:
        """The provider takes money back: an order of ours, somebody's at its help line, or before we know of it."""
        refund = Refund.objects.filter(state__in=(RefundState.WAITING, RefundState.ASKED)).order_by("pk").first()
        payment = refund.payment if refund and self.chance.random() < 0.7 else self.payment()
        if payment is None:
            return
        amount = payment.amount_minor - self.chance.choice([0, 0, 0, 0, 1])
        receipt = self.chance.choice([self.number("REVRS"), ""])
        note(self.world, payment.receipt or "", max(amount, 1), receipt)
        if self.chance.random() < 0.7:
            apply_reversals(now=self.world.now, actor=ACTOR)


_WEIGHTED: list[tuple[int, Callable[[Machine], None]]] = [
    (10, Machine.confirm),
    (3, Machine.confirm_doubted),
    (4, Machine.repeat),
    (3, Machine.prompt),
    (5, Machine.prompt_answered),
    (4, Machine.listed),
    (5, Machine.verify),
    (2, Machine.freeze),
    (14, Machine.work),
    (5, Machine.later),
    (4, Machine.sweep),
    (3, Machine.module_down),
    (4, Machine.module_up),
    (2, Machine.block),
    (8, Machine.claim),
    (16, Machine.propose),
    (2, Machine.approve),
    (3, Machine.pay_out),
    (4, Machine.take_back),
]
ACTS = [(act.__name__, act) for _, act in _WEIGHTED]
WEIGHTS = [weight for weight, _ in _WEIGHTED]


def list_lawless(world: World) -> list[str]:
    """Confirmed money that is old and is neither a token, a wallet's, on its way back, gone back, nor a case's."""
    before = world.now - timedelta(minutes=settings.PAID_WITHOUT_TOKEN_MINUTES)
    about = set(Case.objects.filter(closed_at=None, due_at__isnull=False).values_list("subject", flat=True))
    waiting = (PaymentState.CONFIRMED, PaymentState.SUSPENSE)
    old = Payment.objects.filter(state__in=waiting, confirmed_at__lte=before)
    lawless = [f"payment:{pk}" for pk in old.values_list("pk", flat=True) if f"payment:{pk}" not in about]
    sales = Vend.objects.filter(authority__kind__in=AUTHORITY_KINDS)
    lawless += [
        f"vend:{vend.pk} without digits"
        for vend in sales.filter(state=VendState.ISSUED).select_related("authority__token")
        if not vend.authority.token.digits
    ]
    stopped = sales.filter(state__in=UNFINISHED, next_try_at=None)
    return lawless + [f"vend:{vend.pk} stopped" for vend in stopped if f"vend:{vend.pk}" not in about]


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> FakePaymentProvider:
    """Who takes every question, and answers none by itself."""
    fake = FakePaymentProvider("daraja")
    for slice_ in ("inquiries", "refunds"):
        monkeypatch.setattr(f"gateway.{slice_}.services.get_provider", lambda _name: fake)
    return fake


@pytest.mark.usefixtures("provider")
@pytest.mark.parametrize("seed", SEEDS)
def test_any_order_of_events_leaves_every_shilling_in_one_place(world: World, seed: int) -> None:
    machine = Machine(world, seed)
    for number in range(STEPS):
        machine.step()
        if number % 30 == 29:
            assert (list(list_differences_of_now(world)), seed, machine.told) == ([], seed, machine.told)
    machine.module_up()
    for _ in range(12):
        world.later(900)
        machine.sweep()
        machine.work()
    told = (seed, machine.told)
    assert (list(list_differences(world.now)), list_lawless(world), *told) == ([], [], *told)
    assert Payment.objects.exclude(receipt=None).exists()


def list_differences_of_now(world: World) -> list[str]:
    """But for what nobody has worked on yet, because the walk gave nobody the time."""
    waits = ("since long", "has no code and no open case", "nobody pays it out", "is not booked so")
    return [line for line in list_differences(world.now) if not any(word in line for word in waits)]
