"""The product's addresses and the yardstick of P8: a view that answers what the hook answers and asks no database."""

from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt

from gateway import urls as product

_ANSWER = '{"ResultCode": 0, "ResultDesc": "Success"}'


@csrf_exempt
def bare(request: HttpRequest) -> HttpResponse:
    return HttpResponse(_ANSWER, content_type="application/json")


urlpatterns = [path("bare/", bare), *product.urlpatterns]
