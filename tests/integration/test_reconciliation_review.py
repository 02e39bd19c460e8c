"""A statement's new lines taken together, files that end too early, and sales that meet a freeze."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.models import QuerySet
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from fleet.audit.models import AuditEntry
from fleet.cases.models import Case
from gateway.fulfilment.services import allocate
from gateway.payments.models import Payment
from gateway.payments.ports import Outcome as PromptOutcome
from gateway.payments.services import freeze_payment, release_payment, settle_prompt
from gateway.reconciliation import freezing, taking, tasks
from gateway.reconciliation.errors import StatementImplausible
from gateway.reconciliation.freezing import freeze_missing
from gateway.reconciliation.listed import MISSING
from gateway.reconciliation.models import Statement, StatementLine
from gateway.reconciliation.services import Outcome, import_statement, save_mapping
from gateway.webhooks.models import Callback
from tests.support.statements import Listed, export
from tests.support.world import ACTOR, NOW, SHORT_CODE, World
from vending.vends.models import Vend
from vending.vends.services import hold_vend

pytestmark = [pytest.mark.django_db, pytest.mark.money_path]
MORNING = NOW - timedelta(hours=3)


@pytest.fixture
def early(world: World, settings: Settings) -> World:
    """The world at nine in Nairobi; statements of the morning are brought at one."""
    settings.MPESA_SHORT_CODE = SHORT_CODE
    world.now = MORNING
    return world


def take(world: World, *lines: Listed, until: str = "11:59:59", is_sure: bool = False) -> Outcome:
    world.now = max(world.now, NOW + timedelta(hours=1))
    return import_statement(
        provider="daraja",
        file_name="november.csv",
        content=export(lines, period=("2026-11-20 00:00:00", f"2026-11-20 {until}")),
        mapping="org-portal",
        operator_id=None,
        is_sure=is_sure,
        actor=ACTOR,
        now=world.now,
    )


def lines_for(world: World, name: str) -> list[Listed]:
    """Lines that differ in all that a line may say, but for the receipts alike whatever their name."""
    payers = ("2547******101 - AMINA", "254711000102 - JUMA", "")
    accounts = (world.meter.drn, "no such", "")
    return [
        Listed(f"SKJ{name}{n:04d}", MORNING, f"{n + 50}.00", account=accounts[n], payer=payers[n]) for n in range(3)
    ]


def written(name: str) -> list[list[dict[str, object]]]:
    """Every column of what came of these lines, but for ids, receipts and the line itself."""
    payments = Payment.objects.filter(receipt__contains=name).order_by("pk")
    subjects = [f"payment:{payment.pk}" for payment in payments]
    tables: list[QuerySet[Any]] = [
        payments,
        StatementLine.objects.filter(receipt__contains=name).order_by("pk"),
        Callback.objects.filter(subject__contains=name).order_by("pk"),
        AuditEntry.objects.filter(subject__in=subjects).order_by("pk"),
    ]
    own = {"id", "receipt", "payment_id", "statement_id", "body", "subject", "seal_id"}
    return [[{name: row[name] for name in row if name not in own} for row in table.values()] for table in tables]


def test_lines_taken_together_become_what_lines_taken_alone_do(early: World, monkeypatch: pytest.MonkeyPatch) -> None:
    take(early, *lines_for(early, "TOGETHER"))
    monkeypatch.setattr(taking, "BATCH", 1)
    take(early, *lines_for(early, "ALONE"), until="11:58:59")

    together = written("TOGETHER")
    assert [len(rows) for rows in together] == [3, 3, 3, 3]
    assert together == written("ALONE")


def test_many_new_lines_cost_few_statements(early: World) -> None:
    lines = [Listed(f"SKJMANY{n:04d}", MORNING, "100.00", account=early.meter.drn) for n in range(400)]
    with CaptureQueriesContext(connection) as asked:
        assert take(early, *lines).counts == {"created": 400}
    assert len(asked) < 60


def test_line_of_a_declined_purchase_is_taken_alone_and_becomes_it(early: World) -> None:
    purchase = early.purchase(10_000)
    purchase.checkout_id = "ws_CO_1"
    purchase.save()
    settle_prompt(claim=early.prompt_failed("ws_CO_1", PromptOutcome.NOT_PAID), actor=ACTOR, now=early.now)
    lines = [Listed(f"SKJNEW{n:04d}", MORNING, "100.00", account=early.meter.drn, payer="") for n in range(3)]

    assert take(early, *lines).counts == {"created": 3}

    purchase.refresh_from_db()
    assert (purchase.state, purchase.receipt) == ("CONFIRMED", "SKJNEW0000")
    assert Payment.objects.count() == 3


def test_file_that_was_exported_before_its_period_was_over_freezes_nothing(early: World) -> None:
    first = early.sell()
    early.later(3600)
    late = [early.sell() for _ in range(2)]
    line = Listed(first.receipt or "", MORNING, "200.00", account=early.meter.drn)

    with pytest.raises(StatementImplausible):
        take(early, line)

    assert Payment.objects.exclude(frozen_reason="").count() == 0
    assert Statement.objects.get().finished_at is None
    assert take(early, line, is_sure=True).missing == 2
    assert set(Payment.objects.filter(frozen_reason=MISSING)) == set(late)


def test_last_minutes_are_checked_where_the_next_statement_came_before(early: World) -> None:
    early.now = NOW - timedelta(minutes=2)
    payment = early.sell()
    early.now = NOW + timedelta(hours=2)
    import_statement(
        provider="daraja",
        file_name="afternoon.csv",
        content=export([], period=("2026-11-20 12:00:00", "2026-11-20 13:00:00")),
        mapping="org-portal",
        operator_id=None,
        actor=ACTOR,
        now=early.now,
    )

    assert take(early).missing == 1

    payment.refresh_from_db()
    assert payment.frozen_reason == MISSING


def test_sale_that_is_made_while_its_payment_is_frozen_is_held(early: World, monkeypatch: pytest.MonkeyPatch) -> None:
    payment = Payment.objects.get(pk=early.confirm().payment_id or 0)
    take(early, Listed("SKJOTHER01", MORNING, "100.00", account="x"))
    Payment.objects.update(frozen_reason="")
    Case.objects.all().delete()
    allocate(payment_ids=[payment.pk], tools=early.tools())
    looked: list[int] = []

    def looking(payment_id: int) -> list[Vend]:
        """The first look is before the sale was made."""
        found = real(payment_id) if looked else []
        looked.append(len(found))
        return found

    real = freezing._sales_of
    monkeypatch.setattr(freezing, "_sales_of", looking)

    assert freeze_missing(payment_id=payment.pk, statement=Statement.objects.get(), actor=ACTOR, now=early.now)

    assert list(Vend.objects.values_list("state", "held_reason")) == [("HELD", "payment_frozen")]
    assert looked == [0, 1, 1, 1]
    payment.refresh_from_db()
    assert payment.frozen_reason == MISSING


def test_sale_of_a_payment_that_another_door_freed_goes_on_with_the_next_task(
    early: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    payment = Payment.objects.get(pk=early.confirm().payment_id or 0)
    allocate(payment_ids=[payment.pk], tools=early.tools())
    freeze_payment(payment_id=payment.pk, reason=MISSING, actor=ACTOR, now=early.now)
    hold_vend(vend_id=Vend.objects.get().pk, reason=MISSING, actor=ACTOR, now=early.now)
    monkeypatch.setattr("gateway.clock.now", lambda: early.now)
    tasks.pull_newest()
    assert Vend.objects.get().held_reason == "payment_frozen"
    release_payment(payment_id=payment.pk, actor=ACTOR, now=early.now)

    tasks.pull_newest()
    early.resume()

    assert Vend.objects.get().state == "ISSUED"


def test_file_that_was_read_with_a_wrong_layout_is_taken_when_the_layout_is_mended(early: World) -> None:
    titles = {"receipt": "Receipt No.", "completed_at": "Completion Time", "paid_in": "Paid In", "account": "A/C No."}
    content = export([Listed("SKJMENDED1", MORNING, "100.00", account=early.meter.drn)])
    now = NOW + timedelta(hours=1)

    def taken_with(date_form: str) -> Outcome:
        values = titles | {"date_forms": [date_form], "timezone": "Africa/Nairobi"}
        save_mapping(provider="daraja", name="ours", values=values, actor=ACTOR, now=now)
        return import_statement(
            provider="daraja",
            file_name="november.csv",
            content=content,
            mapping="ours",
            operator_id=None,
            starts_at=MORNING - timedelta(hours=1),
            ends_at=NOW,
            actor=ACTOR,
            now=now,
        )

    assert len(taken_with("%Y/%m/%d %H:%M:%S").bad_rows) == 1
    outcome = taken_with("%d-%m-%Y %H:%M:%S")
    assert (outcome.is_repeat, outcome.counts, outcome.bad_rows) == (True, {"created": 1}, ())
    assert taken_with("%d-%m-%Y %H:%M:%S").counts == {"created": 1}
    assert list(Payment.objects.values_list("receipt", flat=True)) == ["SKJMENDED1"]
