"""`verify_books` about money that was cancelled, moved, given back, taken back, charged and closed: quiet about true
books, naming the row for one changed row of each kind, and naming money that nobody looks at any more.
"""

from datetime import date, timedelta

import pytest
from pytest_django import Settings

from fleet.cases.models import Case
from fleet.cases.services import close_cases
from gateway.management.commands import verify_books
from gateway.payments.ports import Outcome as Word
from gateway.payments.ports import PromptStatus
from gateway.payments.services import store_prompt_status
from gateway.refunds.models import Refund
from gateway.reversals.models import Reversal
from tests.support.desk import held_sale, lost_payment, note, operator, part_of, refund_of, take_back
from tests.support.money_books import MIDNIGHT, PRICES, closed, ids_of, sale_of, tell_stories
from tests.support.tampering import Change, list_unsaid, remove, update, verify
from tests.support.world import ACTOR, NOW, SHORT_CODE, World
from vending.ledger.services import close_day
from vending.tariffs.models import Tariff
from vending.tariffs.services import publish_tariff

pytestmark = [pytest.mark.django_db, pytest.mark.money_path]
Ids = dict[str, int]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch, world: World) -> None:
    """The books are read by the world's clock."""
    monkeypatch.setattr(verify_books, "now", lambda: world.now)


@pytest.fixture
def rich(world: World, clock: None) -> World:
    """The world with every kind of price."""
    publish_tariff(
        site_id=world.site.pk,
        currency="KES",
        prices=PRICES,
        least_payment_minor=1000,
        most_payment_minor=10_000_000,
        starts_at=NOW - timedelta(days=1),
        actor=ACTOR,
        now=NOW,
    )
    return world


@pytest.fixture
def books(rich: World, settings: Settings) -> Ids:
    """One of everything that money can come to, and the ids that statements below use."""
    settings.MPESA_SHORT_CODE = SHORT_CODE
    return ids_of(tell_stories(rich))


def test_books_with_one_of_everything_have_no_differences(books: Ids) -> None:
    assert verify() == (0, ["differences: 0"])
    assert set(Refund.objects.values_list("state", flat=True)) == {"DONE", "WAITING", "BY_HAND"}
    outcomes = Reversal.objects.order_by("outcome").values_list("outcome", flat=True)
    assert list(outcomes.distinct()) == ["", "refund", "suspense", "token", "wallet"]


def refund(row: str, changes: str, *named: str) -> Change:
    return update("gateway_refund", row, changes, f"refund:{{{row}}}", *named)


def reversal(row: str, changes: str, *named: str) -> Change:
    return update("gateway_reversal", row, changes, f"reversal:{{{row}}}", *named)


def payment(row: str, changes: str, *named: str) -> Change:
    return update("gateway_payment", row, changes, f"payment:{{{row}}}", *named)


def vend(row: str, changes: str, *named: str) -> Change:
    return update("vending_vend", row, changes, f"vend:{{{row}}}", *named)


def line(row: str, changes: str, *named: str) -> Change:
    return update("vending_ledgerline", row, changes, *named)


def approval(row: str, changes: str) -> Change:
    return update("fleet_approval", row, changes, f"approval:{{{row}}}")


def tariff(changes: str) -> Change:
    return update("vending_tariff", "tariff", changes, "tariff:{tariff}")


def unbook(entry: str, *named: str) -> Change:
    return Change(
        (
            f"DELETE FROM vending_ledgerline WHERE entry_id = {{{entry}}}",  # noqa: S608 -- all of it is ours
            f"DELETE FROM vending_ledgerentry WHERE id = {{{entry}}}",  # noqa: S608 -- all of it is ours
        ),
        named,
    )


PLUS_ONE, MINUS_ONE = "amount_minor = amount_minor + 1", "amount_minor = amount_minor - 1"
CHANGES = {
    "refund-amount": refund("part", PLUS_ONE, "ledger_entry:{part_approved}"),
    "refund-state-waiting": refund("waiting", "state = 'ASKED'"),
    "refund-state-done": refund("by_hand", "state = 'DONE', payout_receipt = 'GONE000001'"),
    "refund-state-undone": refund("part", "state = 'BY_HAND'"),
    "refund-receipt": refund("part", "payout_receipt = 'ELSE000001'"),
    "refund-receipt-of-reversal": refund("whole", "payout_receipt = 'ELSE000001'"),
    "refund-meter": refund("part", "meter_id = NULL", "ledger_entry:{part_approved}"),
    "refund-payment": refund("part", "payment_id = {sold}"),
    "refund-approval": refund("part", "approval_id = {asked}"),
    "refund-currency": refund("part", "currency = 'UGX'"),
    "refund-removed": remove("gateway_refund", "by_hand", "refund"),
    "refund-removed-done": remove("gateway_refund", "whole", "ledger_entry:{whole_done}", "payment:{refunded}"),
    "refund-entry-removed": unbook("part_approved", "refund:{part}"),
    "refund-done-removed": unbook("whole_done", "refund:{whole}"),
    "refund-line": line("part_line", PLUS_ONE, "ledger_entry:{part_approved}", "refund:{part}"),
    "reversal-amount": reversal("taken_token", PLUS_ONE, "payment:{bought}", "ledger_entry:{taken_entry}"),
    "reversal-amount-suspense": reversal("taken_suspense", MINUS_ONE, "payment:{lost}"),
    "reversal-amount-unmet": reversal("early", PLUS_ONE),
    "reversal-receipt-of-payment": reversal("early", "payment_receipt = 'ELSE000001'"),
    "reversal-outcome": reversal("taken_token", "outcome = 'wallet'"),
    "reversal-outcome-suspense": reversal("taken_wallet", "outcome = 'suspense'", "payment:{small}"),
    "reversal-unapplied": reversal("taken_token", "applied_at = NULL", "payment:{bought}"),
    "reversal-payment": reversal("taken_token", "payment_id = {sold}", "payment:{bought}", "payment:{sold}"),
    "reversal-removed": remove("gateway_reversal", "taken_wallet", "payment:{small}"),
    "reversal-removed-of-refund": remove("gateway_reversal", "told", "refund:{whole}"),
    "reversal-entry-removed": unbook("taken_entry", "payment:{bought}"),
    "reversal-debt": Change(
        (
            f"UPDATE vending_ledgerline SET {PLUS_ONE} WHERE id = {{owed_line}}",  # noqa: S608 -- all of it is ours
            f"UPDATE vending_ledgerline SET {MINUS_ONE} WHERE id = {{owed_wallet}}",  # noqa: S608 -- as above
        ),
        ("payment:{bought}", "ledger_entry:{taken_entry}"),
    ),
    "reversal-state": payment("bought", "state = 'ALLOCATED'"),
    "cancelled-state": vend("gone", "state = 'HELD'"),
    "cancelled-entry-removed": unbook("gone_entry", "vend:{gone}"),
    "cancelled-line": line("gone_line", PLUS_ONE, "ledger_entry:{gone_entry}", "vend:{gone}"),
    "cancelled-line-account": line("gone_line", "account = 'tax:rural'", "ledger_entry:{gone_entry}"),
    "cancelled-fee": update("vending_fixedfeecharge", "gone_charge", "cancelled_at = NULL", "vend:{gone}"),
    "cancelled-fee-removed": remove("vending_fixedfeecharge", "gone_charge", "vend:{gone}"),
    "cancelled-allowance": update("vending_freeallowance", "gone_allowance", "cancelled_at = NULL", "vend:{gone}"),
    "allowance-energy": update(
        "vending_freeallowance", "allowance", "energy_kwh_tenths = 21", "vend:{allowance_sale}"
    ),
    "allowance-cancelled": update(
        "vending_freeallowance", "allowance", "cancelled_at = '2026-11-20'", "vend:{allowance_sale}"
    ),
    "allowance-removed": remove("vending_freeallowance", "allowance", "vend:{allowance_sale}"),
    "moved-meter": payment("wrong", "meter_id = {fifth}"),
    "moved-meter-kept": payment("kept", "meter_id = {sixth}"),
    "moved-paid": vend("right_sale", "paid_minor = paid_minor - 1, kept_minor = kept_minor - 1", "payment:{wrong}"),
    "moved-amount": Change(
        (
            f"UPDATE vending_ledgerline SET {MINUS_ONE} WHERE id = {{moved_out}}",  # noqa: S608 -- all of it is ours
            f"UPDATE vending_ledgerline SET {PLUS_ONE} WHERE id = {{moved_in}}",  # noqa: S608 -- as above
        ),
        ("payment:{kept}", "ledger_entry:{moved_entry}"),
    ),
    "moved-from": line("moved_out", "meter_id = {sixth}", "payment:{kept}"),
    "moved-entry-removed": unbook("moved_entry", "payment:{kept}"),
    "moved-authority": Change(
        ("UPDATE vending_authority SET reference = '{kept}' WHERE reference = '{wrong}' AND kind = 'moved'",),
        ("payment:{wrong}", "payment:{kept}"),
    ),
    "charge-amount": update(
        "gateway_statementline", "charge_line", PLUS_ONE, "statement_line:{charge_line}", "ledger_entry:{charge_entry}"
    ),
    "charge-kind": update("gateway_statementline", "charge_line", "kind = 'other'", "ledger_entry:{charge_entry}"),
    "charge-removed": remove("gateway_statementline", "charge_line", "ledger_entry:{charge_entry}"),
    "charge-entry-removed": unbook("charge_entry", "statement_line:{charge_line}"),
    "charge-line": line("charge_money", PLUS_ONE, "ledger_entry:{charge_entry}", "statement_line:{charge_line}"),
    "levy-vend": vend("sale", "levies_minor = levies_minor + 1, net_minor = net_minor - 1"),
    "levy-line": line("levy_line", PLUS_ONE, "payment:{sold}", "vend:{sale}"),
    "levy-line-account": line("levy_line", "account = 'tax:regulator'", "payment:{sold}"),
    "levy-tariff": tariff("""levies = '[["rural", 600], ["regulator", 100]]'"""),
    "block-month-before": vend("sale", "month_before_kwh_tenths = month_before_kwh_tenths + 1"),
    "block-lifeline": vend("sale", "is_lifeline = NOT is_lifeline"),
    "block-free": vend("sale", "free_kwh_tenths = free_kwh_tenths + 1"),
    "block-tariff": tariff("blocks = '[[100, 2000], [null, 2900]]'"),
    "block-tariff-lifeline": tariff("lifeline_price_minor = 1"),
    "block-tariff-lifeline-most": tariff("lifeline_most_kwh_tenths = 1"),
    "block-tariff-start": tariff("starts_at = '2026-11-18T00:00:00Z'"),
    "block-tariff-day-limit": tariff("day_limit_minor = 1"),
    "approval-checker": approval("approved", "checker_id = {clerk}"),
    "approval-checker-refused": Change(
        ("UPDATE fleet_approval SET maker_id = {clerk}, checker_id = {maker} WHERE id = {declined}",),
        ("approval:{declined}",),
    ),
    "approval-maker": approval("approved", "maker_id = {clerk}"),
    "approval-terms": approval("approved", "terms = '{{}}'"),
    "approval-reason": approval("asked", "reason = 'else'"),
    "approval-subject": approval("asked", "subject = 'payment:1'"),
    "approval-kind": approval("asked", "kind = 'payment.decline'"),
    "approval-state": approval("asked", "state = 'APPROVED', checker_id = {clerk}"),
    "approval-state-withdrawn": approval("withdrawn", "state = 'EXPIRED'"),
    "approval-state-refused": approval("declined", "state = 'APPROVED'"),
    "day-removed": remove("vending_closedday", "day", "closed_day:{day}"),
    "day-totals": update("vending_closedday", "day", "totals = '{{}}'", "closed_day:{day}"),
    "day-until": update("vending_closedday", "day", "until = '2026-11-19T21:00:00Z'", "closed_day:{day}"),
    "day-date": update("vending_closedday", "day", "day_date = '2026-11-19'", "closed_day:{day}"),
    "day-entry": update("vending_ledgerentry", "taken_entry", "at = '2026-11-22'", "closed_day:{day}"),
    "total-received": payment("sold", PLUS_ONE, "total of KES"),
    "total-sold": vend("sale", "fee_minor = fee_minor + 1, kept_minor = kept_minor - 1", "total of KES"),
    "total-refunds": refund("by_hand", PLUS_ONE, "total of KES"),
    "total-gone": reversal("taken_token", PLUS_ONE, "total of KES"),
    "total-wallets": line("part_line", PLUS_ONE, "total of KES"),
    "total-debts": line("owed_line", PLUS_ONE, "total of KES"),
    "total-suspense": payment("lost", "state = 'SUSPENSE'", "total of KES"),
}  # fmt: skip
KINDS = sorted({name.partition("-")[0] for name in CHANGES})


@pytest.mark.parametrize("kind", KINDS)
def test_books_with_one_row_of_money_changed_name_it(books: Ids, kind: str) -> None:
    of_kind = {name: change for name, change in CHANGES.items() if name.partition("-")[0] == kind}
    assert list_unsaid(of_kind, books) == {}


def test_books_of_a_reversal_whose_own_receipt_came_later_are_true(rich: World) -> None:
    payment = rich.sell(500)
    part_of(rich, payment, 200)
    take_back(rich, payment, receipt="")
    note(rich, payment.receipt or "", 500, receipt="REVRSL0001")
    assert Reversal.objects.get().receipt == "REVRSL0001"
    assert Refund.objects.get().payout_receipt == payment.receipt
    assert verify() == (0, ["differences: 0"])


def test_books_of_days_closed_one_after_the_other_are_true(rich: World) -> None:
    rich.sell()
    closed(rich)
    rich.sell(500, account=rich.other_meter.drn)
    rich.now = MIDNIGHT + timedelta(days=3)
    clerk = operator("clerk")
    facts = {"operator_id": clerk.pk, "actor": f"operator:{clerk.pk}", "now": rich.now}
    close_day(day_date=date(2026, 11, 22), until=MIDNIGHT + timedelta(days=2), **facts)  # type: ignore[arg-type]
    assert verify() == (0, ["differences: 0"])


# Money that nobody looks at any more


def forget(world: World) -> list[str]:
    """Every case is closed and left, and time goes by; what the books say of it."""
    for subject in Case.objects.filter(closed_at=None).values_list("subject", flat=True):
        close_cases(subject=subject, outcome="left", actor=ACTOR, now=world.now)
    world.later(7200)
    return verify()[1]


def test_money_that_waits_for_its_meter_without_a_case_is_named(rich: World) -> None:
    lost = lost_payment(rich)
    waiting = rich.confirm(20_000).payment_id
    assert verify() == (0, ["differences: 0"])
    assert forget(rich) == [
        f"payment:{lost.pk}: paid, is SUSPENSE since long, and has no open case",
        f"payment:{waiting}: paid, is CONFIRMED since long, and has no open case",
        "differences: 2",
    ]


def test_sale_without_a_code_and_a_case_is_named(rich: World) -> None:
    vend = sale_of(held_sale(rich))
    assert verify() == (0, ["differences: 0"])
    assert forget(rich) == [
        f"vend:{vend.pk}: paid since 2026-11-20 09:00, has no code and no open case",
        "differences: 1",
    ]


def test_refund_that_nobody_pays_out_is_named(rich: World) -> None:
    by_hand = part_of(rich, rich.sell(500), 200)
    asked = refund_of(rich, lost_payment(rich))
    assert verify() == (0, ["differences: 0"])
    assert forget(rich) == [
        f"refund:{by_hand.pk}: is BY_HAND, nobody pays it out, and it has no open case",
        f"refund:{asked.pk}: is WAITING, nobody pays it out, and it has no open case",
        "differences: 2",
    ]


def test_reversal_that_nobody_books_is_named(rich: World) -> None:
    lost = lost_payment(rich)
    told = take_back(rich, lost, 15_000)
    assert (told.applied_at, verify()) == (None, (0, ["differences: 0"]))
    assert forget(rich) == [
        f"payment:{lost.pk}: paid, is SUSPENSE since long, and has no open case",
        f"reversal:{told.pk}: payment:{lost.pk} was taken back, is not booked so, and has no open case",
        "differences: 2",
    ]


def test_purchase_that_was_paid_without_a_receipt_and_left_is_named(rich: World) -> None:
    purchase = rich.purchase()
    store_prompt_status(payment_id=purchase.pk, status=PromptStatus(Word.PAID, "0"), actor=ACTOR, now=rich.now)
    assert verify() == (0, ["differences: 0"])
    assert forget(rich) == [
        f"payment:{purchase.pk}: paid, is UNKNOWN since long, and has no open case",
        "differences: 1",
    ]


def test_books_of_every_tariff_that_was_published_are_true(rich: World) -> None:
    assert Tariff.objects.count() == 2
    assert verify() == (0, ["differences: 0"])
