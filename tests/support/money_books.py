"""One of everything that money can come to, for tests of the books: sold, cancelled, moved, given and taken back."""

from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from typing import Any

from fleet.approvals.models import Approval
from gateway.desk.services import Kind, refuse, withdraw
from gateway.payments.models import Payment
from gateway.reconciliation.models import StatementLine
from gateway.reconciliation.services import import_statement
from gateway.refunds.models import Refund
from gateway.refunds.services import record_payout
from tests.support.desk import agreed, held_sale, lost_payment, note, operator, part_of, proposed, refund_of, take_back
from tests.support.statements import charge_of, export
from tests.support.world import ACTOR, NOW, World, add_meter
from vending.ledger.models import ClosedDay, LedgerEntry, LedgerLine
from vending.ledger.services import close_day
from vending.tariffs.engine import Block, Levy, Lifeline, Prices
from vending.tariffs.models import FixedFeeCharge, FreeAllowance
from vending.vends.models import Vend

Ids = dict[str, int]

PRICES = Prices(
    price_per_kwh_minor=2000,
    price_includes_vat=False,
    vat_basis_points=1600,
    fixed_fee_minor=1000,
    least_energy_kwh_tenths=1,
    blocks=(Block(100, 2000), Block(None, 3000)),
    lifeline=Lifeline(50, 1000, 300),
    levies=(Levy("rural", 500), Levy("regulator", 100)),
    free_kwh_tenths=20,
)
# Nairobi's, of the day in which everything below happens.
MIDNIGHT = datetime(2026, 11, 20, 21, 0, tzinfo=UTC)
_NAMED = (
    "sold",
    "third",
    "fifth",
    "sixth",
    "cancelled",
    "part",
    "by_hand",
    "refunded",
    "whole",
    "told",
    "waiting",
    "lost",
    "taken_suspense",
    "bought",
    "taken_token",
    "small",
    "taken_wallet",
    "early",
    "wrong",
    "kept",
    "line",
    "declined",
    "withdrawn",
    "asked",
    "clerk",
    "maker",
    "day",
)


def charged(world: World) -> StatementLine:
    """A charge of the day before, which a statement tells."""
    import_statement(
        provider="daraja",
        file_name="november.csv",
        content=export(
            [charge_of("SKJCHARGE1", NOW - timedelta(days=1), "-25.00")],
            period=("2026-11-19 00:00:00", "2026-11-19 23:59:59"),
        ),
        mapping="org-portal",
        operator_id=None,
        actor=ACTOR,
        now=world.now,
    )
    return StatementLine.objects.get(kind="charge")


def closed(world: World) -> ClosedDay:
    """The day after all of it is over."""
    world.now = MIDNIGHT + timedelta(hours=1)
    clerk = operator("clerk")
    facts = {"operator_id": clerk.pk, "actor": f"operator:{clerk.pk}", "now": world.now}
    return close_day(day_date=date(2026, 11, 20), until=MIDNIGHT, **facts)  # type: ignore[arg-type]


def sale_of(payment: Payment, kind: str = "payment") -> Vend:
    return Vend.objects.get(authority__reference=str(payment.pk), authority__kind=kind)


def meter_of(world: World, body: str) -> int:
    return add_meter(world.site, body, "Somebody", f"+2547{body[-8:]}").pk


def sold_at(world: World, meter_id: int, amount_minor: int) -> Payment:
    return world.sell(amount_minor, account=_drn(world, meter_id))


def _drn(world: World, meter_id: int) -> str:
    return str(type(world.meter).objects.get(pk=meter_id).drn)


def entry_of(cause: str) -> int:
    return LedgerEntry.objects.get(cause=cause).pk


def line_of(cause: str, account: str, sign: int = 0) -> int:
    lines = LedgerLine.objects.filter(entry__cause=cause, account=account)
    return next(found.pk for found in lines if found.amount_minor * sign >= 0)


def tell_stories(world: World) -> dict[str, Any]:
    """One of everything that money can come to; the rows by the names that the tests use."""
    world.sell(20_000)
    sold = world.sell(30_000)
    third, fourth, fifth, sixth = (meter_of(world, f"3701000{n:03}") for n in range(1, 5))
    cancelled = held_sale(world, account=world.other_meter.drn)
    agreed(world, Kind.SALE_CANCEL, sale_of(cancelled).pk)
    part = part_of(world, cancelled, 5_000)
    clerk = operator("clerk")
    payout = {"operator_id": clerk.pk, "actor": f"operator:{clerk.pk}", "now": world.now}
    record_payout(refund_id=part.pk, receipt="PORTAL0001", **payout)  # type: ignore[arg-type]
    by_hand = part_of(world, cancelled, 1_000)
    refunded = lost_payment(world)
    whole = refund_of(world, refunded)
    told = take_back(world, refunded, receipt="REVRSL0001")
    waiting = refund_of(world, lost_payment(world))
    lost = lost_payment(world)
    taken_suspense = take_back(world, lost, receipt="REVRSL0002")
    bought = sold_at(world, third, 20_000)
    taken_token = take_back(world, bought, receipt="REVRSL0003")
    small = sold_at(world, fourth, 500)
    part_of(world, small, 200)
    taken_wallet = take_back(world, small, receipt="REVRSL0004")
    early = note(world, "RCPTEARLY1", receipt="REVRSL0005")
    wrong = held_sale(world, account=_drn(world, fifth))
    agreed(world, Kind.PAYMENT_MOVE, wrong.pk, meter_id=sixth)
    world.later(60)
    world.resume()
    kept = sold_at(world, fifth, 50)
    agreed(world, Kind.PAYMENT_MOVE, kept.pk, meter_id=third)
    line = charged(world)
    declined = proposed(world, Kind.PAYMENT_MOVE, cancelled.pk, meter_id=third)
    refuse(approval_id=declined.pk, checker_id=clerk.pk, answer="no", actor=f"operator:{clerk.pk}", now=world.now)
    maker = operator("maker")
    withdrawn = proposed(world, Kind.PAYMENT_MOVE, cancelled.pk, meter_id=third)
    withdraw(approval_id=withdrawn.pk, operator_id=maker.pk, actor=f"operator:{maker.pk}", now=world.now)
    asked = proposed(world, Kind.PAYMENT_MOVE, cancelled.pk, meter_id=third)
    day = closed(world)
    Refund.objects.filter(pk=waiting.pk).update(next_try_at=world.now)  # as the sweep leaves it
    names = locals()
    return {name: names[name] for name in _NAMED}


def ids_of(rows: dict[str, Any]) -> Ids:
    """The ids that statements of the tests use."""
    found = SimpleNamespace(**rows)
    sale, gone = sale_of(found.sold), sale_of(found.cancelled)
    moved = f"payment:{found.kept.pk}:moved"
    return {
        "sold": found.sold.pk,
        "sale": sale.pk,
        "levy_line": line_of(f"payment:{found.sold.pk}:allocated", "tax:rural"),
        "tariff": sale.tariff_id,
        "cancelled": found.cancelled.pk,
        "gone": gone.pk,
        "gone_entry": entry_of(f"vend:{gone.pk}:cancelled"),
        "gone_line": line_of(f"vend:{gone.pk}:cancelled", "tax:regulator"),
        "gone_charge": FixedFeeCharge.objects.get(vend=gone).pk,
        "gone_allowance": FreeAllowance.objects.get(vend=gone).pk,
        "allowance": FreeAllowance.objects.exclude(vend=gone).order_by("pk")[0].pk,
        "allowance_sale": FreeAllowance.objects.exclude(vend=gone).order_by("pk")[0].vend_id,
        "part": found.part.pk,
        "part_approved": entry_of(f"refund:{found.part.pk}:approved"),
        "part_line": line_of(f"refund:{found.part.pk}:approved", "wallet"),
        "by_hand": found.by_hand.pk,
        "refunded": found.refunded.pk,
        "whole": found.whole.pk,
        "whole_done": entry_of(f"refund:{found.whole.pk}:done"),
        "told": found.told.pk,
        "waiting": found.waiting.pk,
        "lost": found.lost.pk,
        "taken_suspense": found.taken_suspense.pk,
        "bought": found.bought.pk,
        "taken_token": found.taken_token.pk,
        "taken_entry": entry_of(f"payment:{found.bought.pk}:reversed"),
        "owed_line": line_of(f"payment:{found.bought.pk}:reversed", "receivable:reversed"),
        "owed_wallet": line_of(f"payment:{found.bought.pk}:reversed", "wallet"),
        "small": found.small.pk,
        "taken_wallet": found.taken_wallet.pk,
        "early": found.early.pk,
        "wrong": found.wrong.pk,
        "right_sale": sale_of(found.wrong, "moved").pk,
        "kept": found.kept.pk,
        "moved_entry": entry_of(moved),
        "moved_out": line_of(moved, "wallet", 1),
        "moved_in": line_of(moved, "wallet", -1),
        "fifth": found.fifth,
        "sixth": found.sixth,
        "charge_line": found.line.pk,
        "charge_entry": entry_of(f"statement_line:{found.line.pk}:charge"),
        "charge_money": line_of(f"statement_line:{found.line.pk}:charge", "expense:provider_fees"),
        "approved": Approval.objects.get(pk=found.part.approval_id).pk,
        "declined": found.declined.pk,
        "withdrawn": found.withdrawn.pk,
        "asked": found.asked.pk,
        "clerk": found.clerk.pk,
        "maker": found.maker.pk,
        "day": found.day.pk,
    }
