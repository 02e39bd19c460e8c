"""Addresses of the hooks, with and without the final slash. The word that Daraja refuses in a C2B address stands in
none.
"""

from django.urls import re_path

from gateway.webhooks import views

_VENDOR = r"(?P<provider>[a-z_]+)/(?P<secret>[^/]+)"

urlpatterns = [
    re_path(rf"^payments/{_VENDOR}/(?P<door>validation|confirmation|stk|result|timeout|pull)/?$", views.payment),
    re_path(rf"^sms/{_VENDOR}/(?P<door>report|inbound)/?$", views.sms),
    re_path(rf"^ussd/{_VENDOR}(?:/(?P<door>events))?/?$", views.ussd),
]
