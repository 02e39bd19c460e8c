"""The flow in this process: payments confirmed by the accept path, and the tools that a worker has."""

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gateway.fulfilment.services import Tools

# A hot meter's tokens run ahead of the clock by one minute each.
FAR_AHEAD_MINUTES = 1_000_000
_serials = itertools.count()


def confirm(payers: Sequence[dict[str, str]], count: int) -> list[int]:
    """So many payments of 200 shillings, by these payers in turn; returns their ids."""
    return [_confirm(payers[serial % len(payers)], serial) for serial in itertools.islice(_serials, count)]


def _confirm(payer: dict[str, str], serial: int) -> int:
    from gateway.clock import now
    from gateway.http.inbound import InboundRequest
    from gateway.payments.ports import Door
    from gateway.payments.registry import get_provider
    from gateway.webhooks.services import accept_payment
    from tests.bench.site import confirmation

    request = InboundRequest("POST", "application/json", confirmation(payer, f"T{serial:09d}"))
    handled = accept_payment(provider=get_provider("daraja"), door=Door.CONFIRMATION, request=request, now=now())
    return handled.payment_ids[0]


def tools() -> "Tools":
    from gateway.chance import random_nibble
    from gateway.clock import now
    from gateway.fulfilment.services import Tools
    from vending.security.registry import get_security_module

    return Tools(get_security_module(), now, random_nibble, look_ahead_minutes=FAR_AHEAD_MINUTES)


def count_issued(payment_ids: Sequence[int]) -> int:
    from vending.vends.lifecycle import VendState
    from vending.vends.models import Vend

    references = [str(payment_id) for payment_id in payment_ids]
    return Vend.objects.filter(authority__reference__in=references, state=VendState.ISSUED).count()
