"""`/api/v1/payments/<operator>/<receipt>`: what happened to the money with this receipt of a mobile money operator."""

import re

from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from gateway.api.describing import describe_payment
from gateway.api.resource import Resource
from gateway.payments.queries import get_payment
from gateway.refunds.queries import find_payment_of

_OPERATOR = re.compile(r"[a-z0-9_]{1,32}")
_RECEIPT = re.compile(r"[A-Za-z0-9_.-]{1,32}")


class PaymentResource(Resource):
    """Known by operator and receipt, the receipt in capitals or not. A purchase without a receipt is no payment yet."""

    def get(self, request: Request, operator: str, receipt: str) -> Response:
        # What cannot be a name is not looked for: a database chokes on some of it.
        if _OPERATOR.fullmatch(operator) is None or _RECEIPT.fullmatch(receipt) is None:
            raise NotFound
        found = find_payment_of(operator, receipt) or find_payment_of(operator, receipt.upper())
        payment = get_payment(found.pk) if found else None
        if payment is None:
            raise NotFound
        return Response(describe_payment(payment))
