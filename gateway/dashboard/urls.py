"""Addresses of the operator's pages."""

from django.urls import path

from gateway.dashboard import cases, keys, listing, payment, sale, session, stuck, today

app_name = "dashboard"
urlpatterns = [
    path("", today.today, name="today"),
    path("login/", session.log_in, name="login"),
    path("logout/", session.log_out, name="logout"),
    path("stuck/", stuck.stuck, name="stuck"),
    path("cases/", cases.cases, name="cases"),
    path("cases/<int:case_id>/take/", cases.take, name="take_case"),
    path("cases/<int:case_id>/close/", cases.close, name="close_case"),
    path("payments/", listing.payments, name="payments"),
    path("payments/<int:payment_id>/", payment.payment, name="payment"),
    path("sales/", listing.sales, name="sales"),
    path("sales/<int:vend_id>/", sale.sale, name="sale"),
    path("sales/<int:vend_id>/resend/", sale.resend, name="resend"),
    path("messages/", listing.messages, name="messages"),
    path("keys/", keys.keys, name="keys"),
]
