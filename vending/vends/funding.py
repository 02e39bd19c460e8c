"""What the money of each order becomes: priced, split, and written as rows and ledger lines. One batch at a time.

The caller holds the meters' locks, so that wallets, months and days stand still while they are spent.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from fleet.meters.models import Meter
from fleet.meters.services import can_vend
from vending.ledger.accounts import ENERGY_REVENUE, FIXED_FEE_REVENUE, VAT, WALLET, levy
from vending.ledger.queries import list_wallets
from vending.ledger.services import Line, Posting
from vending.sts.amounts import greatest_amount_within
from vending.tariffs.engine import Price, Split, Standing, all_kept, price_of, split_money
from vending.tariffs.models import FixedFeeCharge, FreeAllowance
from vending.tariffs.queries import load_tariffs, prices_of
from vending.tokens.models import Authority
from vending.vends.errors import WalletTooSmall
from vending.vends.lifecycle import VendState
from vending.vends.locks import LEASE
from vending.vends.models import Vend
from vending.vends.standing import Terms, load_records, terms_at


@dataclass(frozen=True)
class SaleOrder:
    """Money for a meter. `reference` is unique for its kind (a payment's id); `source` the account that the money is
    in, of `source_meter_id` where that is one meter's. `priced_at` chooses the prices, the month and the day: the
    moment at which the customer was told them; without it, now.
    """

    reference: str
    meter_id: int
    paid_minor: int
    source: str
    cause: str
    source_meter_id: int | None = None
    priced_at: datetime | None = None


@dataclass(frozen=True)
class Sale:
    """An order with what was decided about it."""

    order: SaleOrder
    terms: Terms
    standing: Standing
    split: Split

    @property
    def meter(self) -> Meter:
        return self.terms.meter


def decide(orders: Sequence[SaleOrder], meters: Mapping[int, Meter], now: datetime) -> list[Sale]:
    """Split every order's money, in order: what one keeps, uses up or is charged, the next of that meter finds so.

    Raises `TariffMissing`, and `WalletTooSmall` where money is to come out of a wallet that does not hold it.
    """
    batch = _price(orders, meters, now)
    records = load_records(batch)
    wallets = list_wallets({*meters, *(order.source_meter_id for order in orders if order.source_meter_id)})
    sales = []
    for order, terms in zip(orders, batch, strict=True):
        _take_out(order, wallets)
        standing = records.standing_of(terms)
        split = _split(order, terms, wallets[order.meter_id], standing)
        wallets[order.meter_id] += split.kept_minor - split.wallet_used_minor
        if split.is_sale:
            records.add(terms, split)
        sales.append(Sale(order, terms, standing, split))
    return sales


def _price(orders: Sequence[SaleOrder], meters: Mapping[int, Meter], now: datetime) -> list[Terms]:
    """The prices that hold for each order: one round trip for all of them."""
    book = load_tariffs({meter.site_id for meter in meters.values()}, max([now, *_moments(orders)]))
    return [terms_at(book, meters[order.meter_id], order.priced_at or now) for order in orders]


def _moments(orders: Sequence[SaleOrder]) -> list[datetime]:
    return [order.priced_at for order in orders if order.priced_at]


def _take_out(order: SaleOrder, wallets: dict[int, int]) -> None:
    """Money that comes out of a wallet is not in it any more, also where it is the same meter's."""
    if order.source != WALLET or order.source_meter_id is None:
        return
    if wallets[order.source_meter_id] < order.paid_minor:
        raise WalletTooSmall(f"the wallet of meter {order.source_meter_id} does not hold this money")
    wallets[order.source_meter_id] -= order.paid_minor


def _split(order: SaleOrder, terms: Terms, wallet_minor: int, standing: Standing) -> Split:
    if not can_vend(terms.meter):
        return all_kept(order.paid_minor)
    return split_money(
        terms.prices,
        paid_minor=order.paid_minor,
        wallet_minor=wallet_minor,
        standing=standing,
        greatest_within=greatest_amount_within,
    )


def new_vend(sale: Sale, authority: Authority, now: datetime) -> Vend:
    split, terms = sale.split, sale.terms
    return Vend(
        authority=authority,
        meter=sale.meter,
        tariff=terms.tariff,
        state=VendState.FUNDED,
        currency=terms.tariff.currency,
        paid_minor=split.paid_minor,
        wallet_used_minor=split.wallet_used_minor,
        net_minor=split.net_minor,
        vat_minor=split.vat_minor,
        levies_minor=split.levies_minor,
        fee_minor=split.fee_minor,
        kept_minor=split.kept_minor,
        energy_kwh_tenths=split.energy_kwh_tenths,
        free_kwh_tenths=split.free_kwh_tenths,
        month_before_kwh_tenths=sale.standing.month_before_kwh_tenths,
        is_lifeline=sale.standing.is_lifeline,
        priced_at=terms.priced_at,
        next_try_at=now,
        leased_until=now + LEASE,
        funded_at=now,
    )


def store_month_rows(sold: Sequence[Sale], vends: Sequence[Vend]) -> None:
    """The months whose fixed fee each sale paid, and the free units it brought: each once a meter and month."""
    pairs = list(zip(sold, vends, strict=True))
    FixedFeeCharge.objects.bulk_create(
        FixedFeeCharge(meter=sale.meter, month_date=month, vend=vend, amount_minor=sale.terms.prices.fixed_fee_minor)
        for sale, vend in pairs
        if vend.fee_minor
        for month in _months_until(sale.terms.month, sale.standing.fee_months)
    )
    FreeAllowance.objects.bulk_create(
        FreeAllowance(meter=sale.meter, month_date=sale.terms.month, vend=vend, energy_kwh_tenths=vend.free_kwh_tenths)
        for sale, vend in pairs
        if vend.free_kwh_tenths
    )


def _months_until(month: date, count: int) -> list[date]:
    """The last `count` months up to this one, in order."""
    months = [month]
    while len(months) < count:
        months.append((months[-1] - timedelta(days=1)).replace(day=1))
    return months[::-1]


def posting_of(sale: Sale) -> Posting:
    split, meter_id, order = sale.split, sale.meter.pk, sale.order
    return Posting(
        cause=order.cause,
        currency=sale.terms.tariff.currency,
        lines=(
            Line(order.source, split.paid_minor, order.source_meter_id),
            Line(WALLET, split.wallet_used_minor - split.kept_minor, meter_id),
            Line(ENERGY_REVENUE, -split.net_minor, meter_id),
            Line(VAT, -split.vat_minor, meter_id),
            *(Line(levy(name), -amount, meter_id) for name, amount in split.levies),
            Line(FIXED_FEE_REVENUE, -split.fee_minor, meter_id),
        ),
    )


def cancel_posting_of(vend: Vend) -> Posting:
    """All that a sale took, back into its meter's wallet; without lines where it took nothing.

    The levies by name are not kept beside the sale: its price is made again from its tariff.
    """
    taken = [
        (ENERGY_REVENUE, vend.net_minor),
        (VAT, vend.vat_minor),
        *((levy(name), amount) for name, amount in price_again(vend).levies),
        (FIXED_FEE_REVENUE, vend.fee_minor),
    ]
    back = [Line(account, amount, vend.meter_id) for account, amount in taken if amount]
    lines = [*back, Line(WALLET, -sum(line.amount_minor for line in back), vend.meter_id)] if back else []
    return Posting(cause=f"vend:{vend.pk}:cancelled", currency=vend.currency, lines=tuple(lines))


def price_again(vend: Vend) -> Price:
    """What the energy of a sale costs by its tariff, from what is kept beside the sale."""
    standing = Standing(month_before_kwh_tenths=vend.month_before_kwh_tenths, is_lifeline=vend.is_lifeline)
    return price_of(prices_of(vend.tariff), vend.energy_kwh_tenths - vend.free_kwh_tenths, standing)
