"""`/api/v1/vends/<id>`: what happened to one sale."""

import re

from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from gateway.api.describing import describe_sale
from gateway.api.resource import Resource
from vending.vends.queries import get_vend

_ID = re.compile(r"[0-9]{1,18}")


class VendResource(Resource):
    def get(self, request: Request, vend_id: str) -> Response:
        vend = get_vend(int(vend_id)) if _ID.fullmatch(vend_id) else None
        if vend is None:
            raise NotFound
        return Response(describe_sale(vend))
