"""What should be booked for a payment, a cancelled sale and a refund: the lines that each cause must have. Pure rules.

The causes are those of `vending.ledger`: `payment:N:suspense|allocated|moved|reversed`, `vend:N:cancelled`,
`refund:N:approved|done`.
"""

from gateway.books.rows import Lines
from gateway.payments.models import Payment
from gateway.reconciliation.models import StatementLine
from gateway.refunds.models import Refund
from vending.ledger.accounts import (
    ENERGY_REVENUE,
    FIXED_FEE_REVENUE,
    PROVIDER_FEES,
    REFUNDS,
    SUSPENSE,
    VAT,
    WALLET,
    levy,
    provider_float,
)
from vending.tariffs.engine import Price, Standing, price_of
from vending.tariffs.queries import prices_of
from vending.vends.models import Vend


def price_again(vend: Vend) -> Price:
    """What the energy of a sale costs by its tariff, from what is kept beside the sale."""
    standing = Standing(month_before_kwh_tenths=vend.month_before_kwh_tenths, is_lifeline=vend.is_lifeline)
    return price_of(prices_of(vend.tariff), vend.energy_kwh_tenths - vend.free_kwh_tenths, standing)


def suspense_lines(payment: Payment) -> Lines:
    return {(provider_float(payment.provider), None): payment.amount_minor, (SUSPENSE, None): -payment.amount_minor}


def allocated_lines(payment: Payment, vend: Vend | None, meter_id: int | None, *, was_lost: bool) -> Lines:
    """What a payment became: the parts of its sale, or money in the wallet where it bought nothing."""
    source = SUSPENSE if was_lost else provider_float(payment.provider)
    parts = _parts(vend, meter_id) if vend else {(WALLET, meter_id): -payment.amount_minor}
    return {(source, None): payment.amount_minor} | parts


def moved_lines(vend: Vend | None, old_meter_id: int | None, new_meter_id: int | None, amount_minor: int) -> Lines:
    """Money of the wrong meter's wallet, and what it became for the right one."""
    parts = _parts(vend, new_meter_id) if vend else {(WALLET, new_meter_id): -amount_minor}
    return {(WALLET, old_meter_id): vend.paid_minor if vend else amount_minor} | parts


def cancelled_lines(vend: Vend) -> Lines:
    """All that a sale took, back into the wallet."""
    parts = _without_wallet(vend)
    lines = {(account, vend.meter_id): amount for account, amount in parts.items() if amount}
    return lines | {(WALLET, vend.meter_id): -sum(parts.values())}


def approved_lines(refund: Refund) -> Lines:
    source = (WALLET, refund.meter_id) if refund.meter_id else (SUSPENSE, None)
    return {source: refund.amount_minor, (REFUNDS, None): -refund.amount_minor}


def done_lines(refund: Refund) -> Lines:
    place = (provider_float(refund.payment.provider), None)
    return {(REFUNDS, None): refund.amount_minor, place: -refund.amount_minor}


def charge_lines(line: StatementLine) -> Lines:
    """What the provider took for its work, or gave back of it."""
    return {(PROVIDER_FEES, None): line.amount_minor, (provider_float(line.provider), None): -line.amount_minor}


def _parts(vend: Vend, meter_id: int | None) -> Lines:
    wallet = vend.wallet_used_minor - vend.kept_minor
    parts = {WALLET: wallet} | {account: -amount for account, amount in _without_wallet(vend).items()}
    return {(account, meter_id): amount for account, amount in parts.items() if amount}


def _without_wallet(vend: Vend) -> dict[str, int]:
    return {
        ENERGY_REVENUE: vend.net_minor,
        VAT: vend.vat_minor,
        FIXED_FEE_REVENUE: vend.fee_minor,
        **{levy(name): amount for name, amount in price_again(vend).levies},
    }
