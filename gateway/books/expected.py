"""What should be booked for a payment, a cancelled sale and a refund: the lines that each cause must have. Pure rules.

The causes are those of `vending.ledger`: `payment:N:suspense|allocated|moved|reversed`, `vend:N:cancelled`,
`refund:N:approved|done`.
"""

from gateway.books.rows import Lines
from gateway.payments.models import Payment
from gateway.reconciliation.models import StatementLine
from gateway.refunds.models import Refund
from gateway.reversals.models import Reversal
from vending.ledger.accounts import (
    ENERGY_REVENUE,
    FIXED_FEE_REVENUE,
    PROVIDER_FEES,
    RECEIVABLE,
    REFUNDS,
    SUSPENSE,
    VAT,
    WALLET,
    levy,
    provider_float,
)
from vending.vends.funding import price_again
from vending.vends.models import Vend


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


def reversed_lines(payment: Payment, reversal: Reversal, left_minor: int, wallet_minor: int) -> Lines:
    """Money that the provider took back and no refund of ours was: out of suspense, or out of the wallet as far as that
    held, and the meter owes the rest.
    """
    in_suspense = reversal.outcome == "suspense" or payment.meter_id is None
    wallet = 0 if in_suspense else min(left_minor, max(wallet_minor, 0))
    lines: Lines = {
        (SUSPENSE, None): left_minor if in_suspense else 0,
        (WALLET, payment.meter_id): wallet,
        (RECEIVABLE, payment.meter_id): 0 if in_suspense else left_minor - wallet,
        (provider_float(payment.provider), None): -left_minor,
    }
    return {place: amount for place, amount in lines.items() if amount}


def cancelled_lines(vend: Vend) -> Lines:
    """All that a sale took, back into the wallet; nothing where it took nothing."""
    parts = _without_wallet(vend) | {WALLET: -sum(_without_wallet(vend).values())}
    return {(account, vend.meter_id): amount for account, amount in parts.items() if amount}


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
