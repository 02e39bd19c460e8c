"""Prices and versions of the examples, and how a split of them is written."""

from datetime import UTC, datetime

from vending.sts.amounts import greatest_amount_within
from vending.tariffs.engine import (
    Block,
    Levy,
    Lifeline,
    PriceLine,
    Prices,
    Rounding,
    Split,
    Standing,
    all_kept,
    split_money,
)
from vending.tariffs.terms import TariffFacts

# KES: 20.00 a kWh net, VAT 16 %, a monthly fee of 10.00.
KES = Prices(
    price_per_kwh_minor=2000,
    price_includes_vat=False,
    vat_basis_points=1600,
    fixed_fee_minor=1000,
    least_energy_kwh_tenths=1,
)
UGX = Prices(
    price_per_kwh_minor=805,
    price_includes_vat=False,
    vat_basis_points=1800,
    fixed_fee_minor=2000,
    least_energy_kwh_tenths=1,
)
FACTS = TariffFacts(
    currency="KES",
    prices=KES,
    least_payment_minor=1_000,
    most_payment_minor=10_000_000,
    starts_at=datetime(2026, 12, 1, tzinfo=UTC),
)
FULL = TariffFacts(
    currency="KES",
    prices=Prices(
        price_per_kwh_minor=1_000,
        price_includes_vat=True,
        vat_basis_points=1_600,
        fixed_fee_minor=1_000,
        least_energy_kwh_tenths=10,
        blocks=(Block(100, 1_000), Block(None, 2_000)),
        lifeline=Lifeline(150, 500, 300),
        levies=(Levy("rep", 500), Levy("epra", 12)),
        rounding=Rounding.HALF_EVEN,
        fee_arrears_months=2,
        free_kwh_tenths=50,
    ),
    least_payment_minor=1_000,
    most_payment_minor=10_000_000,
    starts_at=datetime(2026, 12, 1, tzinfo=UTC),
    customer_class="shop",
    day_limit_minor=500_000,
    note="EPRA 12/2026",
)


def split(prices: Prices, paid: int, *, wallet: int = 0, standing: Standing | None = None) -> Split:
    return split_money(
        prices,
        paid_minor=paid,
        wallet_minor=wallet,
        standing=standing or Standing(),
        greatest_within=greatest_amount_within,
    )


def sold(
    paid: int,
    energy: int,
    *,
    wallet: int = 0,
    net: int,
    vat: int = 0,
    fee: int = 0,
    kept: int = 0,
    over: int = 0,
    price: int = 2000,
    months: str = "1",
) -> Split:
    """A sale at one flat price, with its lines."""
    assert paid + wallet == net + vat + fee + kept, "the example itself"
    entries = [line("vat", vat), line("fee", fee, months), line("kept", kept)]
    lines = (PriceLine("block", "", energy, price, net), *(entry for entry in entries if entry.amount_minor))
    return Split(paid, wallet, energy, 0, net, vat, (), fee, kept, over, lines)


def nothing(paid: int, *, over: int = 0) -> Split:
    kept = Split(paid, 0, 0, 0, 0, 0, (), 0, paid, over, (line("kept", paid),))
    assert kept == all_kept(paid, over_limit_minor=over)
    return kept


def line(kind: str, amount: int, name: str = "") -> PriceLine:
    return PriceLine(kind, name, 0, 0, amount)
