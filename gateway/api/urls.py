"""Addresses of the API, with and without the final slash. Whatever else is asked under it is a 404 in its own shape."""

from django.urls import re_path

from gateway.api.resource import Nothing
from gateway.api.v1.payments import PaymentResource
from gateway.api.v1.vends import VendResource

urlpatterns = [
    re_path(r"^v1/payments/(?P<operator>[^/]+)/(?P<receipt>[^/]+)/?\Z", PaymentResource.as_view()),
    re_path(r"^v1/vends/(?P<vend_id>[^/]+)/?\Z", VendResource.as_view()),
    re_path(r"", Nothing.as_view()),
]
