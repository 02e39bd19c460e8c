"""A statement against our payments: what was lost is healed once, what was never paid is stopped."""

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from django.db import IntegrityError
from pytest_django import Settings

from fleet.audit.models import AuditEntry
from fleet.cases.models import Case
from fleet.cases.services import close_case
from gateway.books.queries import list_differences
from gateway.fulfilment.services import allocate
from gateway.http.phones import msisdn_sha256
from gateway.payments.doubts import AMOUNT_DIFFERS, NOT_IN_STATEMENT
from gateway.payments.lifecycle import PaymentState
from gateway.payments.models import Payment
from gateway.reconciliation import taking
from gateway.reconciliation.errors import StatementForeign, StatementImplausible, StatementPeriodMissing
from gateway.reconciliation.listed import take_claim
from gateway.reconciliation.models import Statement, StatementLine
from gateway.reconciliation.queries import get_report
from gateway.reconciliation.services import Outcome, get_preview, import_statement
from gateway.reversals.models import Reversal
from gateway.webhooks.models import Callback
from tests.support.rows import rows_of
from tests.support.statements import Listed, charge_of, export, reversal_of
from tests.support.world import ACTOR, AMINA, SHORT_CODE, World
from vending.kernel.money import MoneyError
from vending.ledger.models import LedgerEntry, LedgerLine
from vending.tokens.models import Token
from vending.vends.lifecycle import VendState
from vending.vends.models import Vend

pytestmark = pytest.mark.money_path
# In Nairobi: statements of the morning end here.
NOON = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
BOOKED = (Payment, Vend, Token, LedgerEntry, LedgerLine)
EVERYTHING = (*BOOKED, Case, AuditEntry, Callback, Statement, StatementLine, Reversal)


@pytest.fixture
def morning(world: World, settings: Settings) -> World:
    """The world half an hour before noon in Nairobi."""
    settings.MPESA_SHORT_CODE = SHORT_CODE
    world.now = NOON - timedelta(minutes=30)
    return world


def take(world: World, content: bytes, **options: object) -> Outcome:
    """Import a file in the afternoon."""
    world.now = max(world.now, NOON + timedelta(hours=1))
    facts = {"file_name": "november.csv", "mapping": "org-portal", "operator_id": None} | options
    return import_statement(provider="daraja", content=content, actor=ACTOR, now=world.now, **facts)  # type: ignore[arg-type]


def line_of(payment: Payment) -> Listed:
    """The line that the provider has of a payment."""
    return Listed(
        payment.receipt or "",
        payment.paid_at or payment.confirmed_at or payment.started_at,
        paid_in=f"{payment.amount_minor / 100:,.2f}",
        account=payment.account_text,
    )


def fulfil_all(world: World) -> None:
    while world.fulfil().rows or world.resume().rows:
        world.later(1)


def fresh(payment: Payment) -> Payment:
    return Payment.objects.get(pk=payment.pk)


def test_lost_callbacks_are_healed_and_every_customer_gets_exactly_one_code(morning: World) -> None:
    chance = random.Random(4711)
    meters = (morning.meter, morning.other_meter)
    morning.look_ahead_minutes = 200
    lines = [
        Listed(f"SKJ{number:07d}", morning.now, f"{chance.randint(50, 900)}.00", account=chance.choice(meters).drn)
        for number in range(200)
    ]
    lost = set(chance.sample(range(200), 2))
    for number, line in enumerate(lines):
        if number not in lost:
            claim = morning.claim(int(line.paid_in[:-3]) * 100, line.account, receipt=line.receipt)
            morning.take(replace(claim, paid_at=line.at))
    fulfil_all(morning)

    outcome = take(morning, export(lines))
    fulfil_all(morning)

    assert (outcome.counts, outcome.missing, outcome.bad_rows) == ({"matched": 198, "created": 2}, 0, ())
    sold = {payment.receipt: payment for payment in Payment.objects.all()}
    assert sold.keys() == {line.receipt for line in lines}
    assert {payment.state for payment in sold.values()} == {PaymentState.ALLOCATED}
    vends = Vend.objects.filter(state=VendState.ISSUED)
    assert sorted(int(reference) for reference in vends.values_list("authority__reference", flat=True)) == sorted(
        payment.pk for payment in sold.values()
    )
    assert Token.objects.exclude(digits="").count() == 200
    assert [sold[line.receipt].amount_minor for line in lines] == [int(line.paid_in[:-3]) * 100 for line in lines]
    assert list(list_differences(now=morning.now)) == []


def test_same_file_again_and_one_that_overlaps_change_nothing(morning: World) -> None:
    payments = [morning.sell() for _ in range(3)]
    lines = [*map(line_of, payments), Listed("SKJLOST001", morning.now, "300.00", account=morning.meter.drn)]
    content = export(lines)
    first = take(morning, content)
    fulfil_all(morning)
    before = rows_of(*EVERYTHING)

    again = take(morning, content)

    assert (again.is_repeat, again.statement_id, again.counts) == (True, first.statement_id, first.counts)
    assert rows_of(*EVERYTHING) == before
    overlapping = take(morning, export(lines[1:], period=("2026-11-20 00:00:00", "2026-11-20 11:00:00")))
    assert overlapping.counts == {"matched": 2, "created": 1}
    after = rows_of(*EVERYTHING)
    assert [name for name in before if after[name] != before[name]] == ["AuditEntry", "Statement"]


def test_lost_payment_of_an_unknown_account_waits_in_suspense(morning: World) -> None:
    take(morning, export([Listed("SKJLOST001", morning.now, "300.00", account="SCHOOL FEES")]))
    fulfil_all(morning)

    payment = Payment.objects.get()
    assert (payment.state, payment.amount_minor, payment.payer_masked) == ("SUSPENSE", 30_000, "2547******101")
    assert payment.paid_at == NOON - timedelta(minutes=30)
    assert Callback.objects.get(subject="SKJLOST001").door == "statement"


def test_purchase_whose_callback_was_lost_becomes_the_payment(morning: World) -> None:
    purchase = morning.purchase(20_000)
    line = Listed("SKJLOST001", morning.now, "200.00", account=purchase.reference, payer=AMINA.removeprefix("+"))

    outcome = take(morning, export([line]))
    fulfil_all(morning)

    assert (outcome.counts, Payment.objects.count()) == ({"created": 1}, 1)
    assert (fresh(purchase).receipt, fresh(purchase).state) == ("SKJLOST001", "ALLOCATED")
    assert fresh(purchase).payer_sha256 == msisdn_sha256(AMINA)


def test_amount_that_differs_is_a_case_and_changes_nothing(morning: World) -> None:
    payment = morning.sell(20_000)
    before = rows_of(Payment, Vend, Token, LedgerLine)

    outcome = take(morning, export([replace(line_of(payment), paid_in="20.00")]))

    assert outcome.counts == {"differs": 1}
    assert list(Case.objects.values_list("reason", "subject")) == [(AMOUNT_DIFFERS, f"payment:{payment.pk}")]
    after = rows_of(Payment, Vend, Token, LedgerLine)
    assert [name for name in before if after[name] != before[name]] == []
    report = get_report("daraja", NOON - timedelta(hours=12), NOON)
    assert [(row.amount_minor, row.our_minor) for row in report.differs] == [(2000, 20_000)]


def test_payment_that_the_statement_lacks_is_frozen_until_a_later_one_has_it(morning: World) -> None:
    listed, missing = morning.sell(), Payment.objects.get(pk=morning.confirm().payment_id or 0)

    outcome = take(morning, export([line_of(listed)]))
    morning.fulfil()

    case = Case.objects.get()
    assert (outcome.missing, case.reason, case.subject) == (1, NOT_IN_STATEMENT, f"payment:{missing.pk}")
    assert (fresh(missing).state, fresh(missing).frozen_reason) == ("CONFIRMED", NOT_IN_STATEMENT)
    assert (fresh(listed).frozen_reason, Vend.objects.count()) == ("", 1)
    later = take(morning, export([line_of(listed), line_of(missing)]))
    fulfil_all(morning)
    case.refresh_from_db()
    assert (later.missing, case.closed_at, fresh(missing).frozen_reason) == (0, NOON + timedelta(hours=1), "")
    assert (fresh(missing).state, Vend.objects.filter(state="ISSUED").count()) == ("ALLOCATED", 2)


def test_sale_without_code_of_a_missing_payment_is_held_and_goes_on_when_it_is_listed(morning: World) -> None:
    payment = Payment.objects.get(pk=morning.confirm().payment_id or 0)
    allocate(payment_ids=[payment.pk], tools=morning.tools())

    take(morning, export([], period=("2026-11-20 00:00:00", "2026-11-20 11:59:59")))
    morning.later(3600)
    morning.resume()

    vend = Vend.objects.get()
    assert (vend.state, vend.held_reason, vend.next_try_at) == ("HELD", "payment_frozen", None)
    assert Token.objects.exclude(digits="").count() == 0
    take(morning, export([line_of(payment)]))
    fulfil_all(morning)
    vend.refresh_from_db()
    assert (vend.state, Token.objects.exclude(digits="").count()) == ("ISSUED", 1)
    assert Case.objects.filter(closed_at=None).count() == 0


def test_missing_payment_that_a_person_explained_is_not_frozen_again(morning: World) -> None:
    listed, missing = morning.sell(), morning.sell()
    take(morning, export([line_of(listed)]))
    Payment.objects.filter(pk=missing.pk).update(frozen_reason="")
    close_case(case_id=Case.objects.get().pk, outcome="seen in the portal", actor=ACTOR, now=morning.now)

    outcome = take(morning, export([line_of(listed)], short_code="Short Code: 400200"))

    assert (outcome.missing, fresh(missing).frozen_reason) == (0, "")
    assert Case.objects.filter(closed_at=None).count() == 0


def test_payment_in_the_last_minutes_of_a_period_is_left_to_the_next_statement(morning: World) -> None:
    morning.now = NOON - timedelta(minutes=2)
    late = morning.sell()

    first = take(morning, export([]))
    second = take(morning, export([], period=("2026-11-20 12:00:00", "2026-11-20 12:29:59")))

    assert (first.missing, second.missing) == (0, 1)
    assert fresh(late).frozen_reason == NOT_IN_STATEMENT


def test_period_that_is_not_over_is_cut_where_the_lines_end(morning: World) -> None:
    listed = morning.sell()
    morning.later(900)
    younger = morning.sell()

    outcome = take(morning, export([line_of(listed)], period=("2026-11-20 00:00:00", "2026-11-20 23:59:59")))

    assert (outcome.ends_at, outcome.missing) == (listed.confirmed_at, 0)
    assert fresh(younger).frozen_reason == ""


def test_file_that_lacks_most_payments_freezes_nothing_unless_the_caller_is_sure(morning: World) -> None:
    payments = [morning.sell() for _ in range(7)]
    content = export([line_of(payments[0])])

    with pytest.raises(StatementImplausible):
        take(morning, content)
    assert (Statement.objects.get().finished_at, Case.objects.count()) == (None, 0)
    outcome = take(morning, content, is_sure=True)

    assert (outcome.missing, Case.objects.count()) == (6, 6)
    assert Statement.objects.get().finished_at == morning.now


def test_reversal_is_noted_and_charges_are_booked_once(morning: World) -> None:
    line = line_of(morning.sell())
    content = export([line, charge_of(line.receipt, line.at, "-1.50"), reversal_of(line, "SKJBACK001", line.at)])

    outcome = take(morning, content)
    take(morning, export([charge_of(line.receipt, line.at, "1.50")], period=None), starts_at=line.at, ends_at=NOON)

    assert outcome.counts == {"matched": 1, "charge": 1, "reversed": 1}
    assert list(Reversal.objects.values_list("payment_receipt", "receipt", "amount_minor", "door")) == [
        (line.receipt, "SKJBACK001", 20_000, "statement")
    ]
    charge = StatementLine.objects.get(kind="charge")
    booked = LedgerLine.objects.filter(entry__cause=f"statement_line:{charge.pk}:charge")
    assert sorted(booked.values_list("account", "amount_minor")) == [
        ("expense:provider_fees", 150),
        ("float:daraja", -150),
    ]
    assert LedgerEntry.objects.filter(cause__startswith="statement_line:").count() == 1


def test_money_that_is_no_payment_is_a_case_about_the_statement(morning: World) -> None:
    outcome = take(morning, export([Listed("SKJODD0001", morning.now, "7.00", reason="Interest Paid")]))

    assert outcome.counts == {"other": 1}
    assert Payment.objects.count() == 0
    assert list(Case.objects.values_list("reason", "subject")) == [
        ("statement_unclear", f"statement:{outcome.statement_id}")
    ]
    assert [row.receipt for row in get_report("daraja", outcome.starts_at, outcome.ends_at).unclear] == ["SKJODD0001"]


def test_receipt_that_a_later_file_tells_otherwise_is_a_bad_row(morning: World) -> None:
    line = line_of(morning.sell())
    first = take(morning, export([line]))

    second = take(morning, export([replace(line, paid_in="1.00")]))

    assert [(bad.number, bad.reason) for bad in second.bad_rows] == [
        (9, f"differs from what statement {first.statement_id} says of this receipt")
    ]
    assert StatementLine.objects.get().amount_minor == 20_000


@pytest.mark.parametrize("killed_at", [0, 1, 2, 3])
def test_import_that_was_killed_between_batches_ends_the_same(
    morning: World, monkeypatch: pytest.MonkeyPatch, killed_at: int
) -> None:
    monkeypatch.setattr(taking, "BATCH", 2)
    known, missing = morning.sell(), morning.sell()
    lines = [line_of(known)] + [
        Listed(f"SKJLOST{number:03d}", morning.now, "100.00", account=morning.meter.drn) for number in range(6)
    ]
    real, calls = taking._take_batch, []

    def dying(*args: object) -> list[object]:
        calls.append(args)
        if len(calls) > killed_at:
            raise RuntimeError("killed")
        return real(*args)  # type: ignore[arg-type, return-value]

    monkeypatch.setattr(taking, "_take_batch", dying)
    with pytest.raises(RuntimeError):
        take(morning, export(lines))
    assert StatementLine.objects.count() < 7
    monkeypatch.setattr(taking, "_take_batch", real)

    outcome = take(morning, export(lines))

    assert (outcome.counts, outcome.missing) == ({"matched": 1, "created": 6}, 1)
    assert (Payment.objects.count(), Statement.objects.get().finished_at) == (8, morning.now)
    assert fresh(missing).frozen_reason == NOT_IN_STATEMENT


def test_row_that_the_database_refuses_stops_no_other(morning: World, monkeypatch: pytest.MonkeyPatch) -> None:
    raced: list[str] = []

    def sometimes(**facts: object) -> object:
        receipt = facts["claim"].receipt  # type: ignore[attr-defined]
        if receipt == "SKJBAD0001":
            raise MoneyError("out of range")
        if receipt == "SKJRACED01" and not raced:
            raced.append(receipt)
            raise IntegrityError("somebody else told it")
        return take_claim(**facts)  # type: ignore[arg-type]

    def never(**_facts: object) -> list[int]:
        raise IntegrityError("not as a whole")

    monkeypatch.setattr(taking, "take_claim", sometimes)
    monkeypatch.setattr(taking, "take_new", never)
    receipts = ("SKJGOOD001", "SKJBAD0001", "SKJRACED01", "SKJGOOD002")

    outcome = take(morning, export([Listed(receipt, morning.now, "100.00", account="x") for receipt in receipts]))

    assert outcome.counts == {"created": 3}
    assert [(bad.number, bad.reason) for bad in outcome.bad_rows] == [(10, "amount_invalid")]


def test_foreign_short_code_is_refused_and_nothing_is_written(morning: World) -> None:
    line = line_of(morning.sell())
    before = rows_of(*EVERYTHING)

    with pytest.raises(StatementForeign):
        take(morning, export([line], short_code="555555"))

    assert rows_of(*EVERYTHING) == before


def test_file_that_says_no_period_and_no_line_is_refused_unless_it_is_told(morning: World) -> None:
    with pytest.raises(StatementPeriodMissing):
        take(morning, export([], period=None))

    outcome = take(morning, export([], period=None), starts_at=NOON - timedelta(hours=3), ends_at=NOON)
    assert (outcome.ends_at, outcome.counts) == (NOON, {})


def test_preview_counts_what_an_import_would_do_and_writes_nothing(morning: World) -> None:
    listed, differs, missing = morning.sell(), morning.sell(), morning.sell()
    lines = [
        line_of(listed),
        replace(line_of(differs), paid_in="1.00"),
        Listed("SKJLOST001", morning.now, "300.00", account="x"),
        charge_of(listed.receipt or "", morning.now, "1.00"),
    ]
    before = rows_of(*EVERYTHING)

    preview = get_preview(provider="daraja", content=export(lines), mapping="org-portal", now=NOON + timedelta(hours=1))

    assert preview.counts == {"matched": 1, "differs": 1, "create": 1, "charge": 1}
    assert (preview.missing, preview.statement_id) == (1, None)
    assert rows_of(*EVERYTHING) == before
    assert fresh(missing).frozen_reason == ""
