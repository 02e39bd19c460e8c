"""Hooks over HTTP: size, secret, provider, then the service; the workers are woken after the commit.

A wrong secret is 404 like an address that does not exist; it is counted, its body is not kept. Never a redirect.
"""

import itertools
import logging
from collections.abc import Callable

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse, HttpResponseNotFound
from django.http.request import UnreadablePostError
from django.views.decorators.csrf import csrf_exempt

from gateway.chance import new_reference
from gateway.clock import now
from gateway.http.errors import UnknownProvider
from gateway.http.inbound import MAX_BODY_OCTETS, InboundRequest
from gateway.http.peers import peer_of
from gateway.http.secrets import is_known_secret
from gateway.payments import registry as payment_registry
from gateway.payments.ports import Door
from gateway.relay import wake
from gateway.sms import registry as sms_registry
from gateway.ussd import registry as ussd_registry
from gateway.webhooks import services
from gateway.webhooks.services import Handled

logger = logging.getLogger(__name__)

_wrong_secrets = itertools.count(1)

_Act = Callable[[InboundRequest], Handled]
_FULFIL = "gateway.fulfilment.tasks.fulfil_payments"
_PUSH = "gateway.payments.tasks.push_payments"
_SEND = "gateway.sms.tasks.send_messages"


@csrf_exempt
def payment(request: HttpRequest, provider: str, secret: str, door: str) -> HttpResponse:
    def act(inbound: InboundRequest) -> Handled:
        vendor = payment_registry.get_provider(provider)
        if Door(door) not in vendor.doors:
            raise UnknownProvider("the provider has no such door")
        source = peer_of(request.META, is_behind_proxy=settings.SECURE_PROXY_SSL_HEADER is not None)
        if door == Door.PULL:
            return services.accept_list(provider=vendor, request=inbound, now=now(), source=source)
        accept = services.accept_answer if door in (Door.RESULT, Door.TIMEOUT) else services.accept_payment
        return accept(provider=vendor, door=Door(door), request=inbound, now=now(), source=source)

    return _handle(request, secret, act)


@csrf_exempt
def sms(request: HttpRequest, provider: str, secret: str, door: str) -> HttpResponse:
    accept = services.accept_report if door == "report" else services.accept_text

    def act(inbound: InboundRequest) -> Handled:
        return accept(provider=sms_registry.get_provider(provider), request=inbound, now=now())

    return _handle(request, secret, act)


@csrf_exempt
def ussd(request: HttpRequest, provider: str, secret: str, door: str = "") -> HttpResponse:
    def act(inbound: InboundRequest) -> Handled:
        vendor = ussd_registry.get_provider(provider)
        if door == "events":
            return services.accept_session_event(provider=vendor, request=inbound, now=now())
        return services.accept_hop(provider=vendor, request=inbound, new_reference=new_reference, now=now())

    return _handle(request, secret, act)


def _handle(request: HttpRequest, secret: str, act: _Act) -> HttpResponse:
    if not is_known_secret(secret, settings.HOOK_SECRETS):
        logger.warning("hook called with a wrong secret, %d since this process started", next(_wrong_secrets))
        return HttpResponseNotFound()
    if request.method != "POST":
        return HttpResponse(status=405, headers={"Allow": "POST"})
    try:
        inbound = _read(request)
        handled = act(inbound)
    except RequestDataTooBig:
        return HttpResponse(status=413)
    except UnreadablePostError:
        return HttpResponse(status=400)
    except UnknownProvider:
        return HttpResponseNotFound()
    wake(_FULFIL, handled.payment_ids)
    wake(_PUSH, handled.push_ids)
    wake(_SEND, handled.message_ids)
    reply, body = handled.reply, handled.reply.body.encode()
    # With its length the answer goes out whole, not in chunks.
    length = {"Content-Length": str(len(body))}
    return HttpResponse(body, status=reply.status, content_type=reply.content_type, headers=length)


def _read(request: HttpRequest) -> InboundRequest:
    """The request as a value. Raises `RequestDataTooBig` before a huge body is read."""
    body = _read_chunks(request) if "HTTP_TRANSFER_ENCODING" in request.META else request.body
    if len(body) > MAX_BODY_OCTETS:
        raise RequestDataTooBig
    query = {name: values[-1] for name, values in request.GET.lists()}
    return InboundRequest(str(request.method), request.content_type or "", body, query)


def _read_chunks(request: HttpRequest) -> bytes:
    """A body sent in chunks has no length: Django takes it for empty, but the server's stream ends where it does."""
    if not request.META.get("wsgi.input_terminated"):
        return request.body
    try:
        return bytes(request.META["wsgi.input"].read(MAX_BODY_OCTETS + 1))
    except Exception as error:  # each server has errors of its own for chunks that break off
        raise UnreadablePostError(*error.args) from error
