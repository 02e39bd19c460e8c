"""One writer of P24: a process that accepts confirmations into the SQLite file for as long as it is told to.

For each line on standard input (seconds, first serial number) it prints one JSON line: how many it accepted in time,
how many failed, and how long the slowest took.
"""

import json
import sys
import time

import django
from django.db import Error

django.setup()

from gateway.clock import now  # noqa: E402 -- the settings come first
from gateway.http.inbound import InboundRequest  # noqa: E402
from gateway.payments.ports import Door  # noqa: E402
from gateway.payments.registry import get_provider  # noqa: E402
from gateway.webhooks.services import accept_payment  # noqa: E402
from tests.bench.site import confirmation  # noqa: E402

_RECEIPT = "W000000000"
_BODY = confirmation({"BillRefNumber": "37000123456"}, _RECEIPT).decode()


def accept_for(seconds: float, first_serial: int) -> dict[str, float]:
    """Confirmations with fresh receipts, one after the other. Those that end too late count as a wait, not as work."""
    provider, accepted, errors, longest = get_provider("daraja"), 0, 0, 0.0
    ends_at = time.perf_counter() + seconds
    started = time.perf_counter()
    serial = first_serial
    while started < ends_at:
        body = _BODY.replace(_RECEIPT, f"W{serial:09d}").encode()
        started = time.perf_counter()
        try:
            request = InboundRequest("POST", "application/json", body)
            accept_payment(provider=provider, door=Door.CONFIRMATION, request=request, now=now())
        except Error:
            errors += 1
        else:
            accepted += time.perf_counter() < ends_at
        longest = max(longest, time.perf_counter() - started)
        serial += 1
    return {"accepted": accepted, "errors": errors, "longest_seconds": longest}


if __name__ == "__main__":
    print(json.dumps({"ready": True}), flush=True)
    for order in sys.stdin:
        print(json.dumps(accept_for(*json.loads(order))), flush=True)
