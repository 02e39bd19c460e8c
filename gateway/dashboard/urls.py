"""Addresses of the operator's pages."""

from django.urls import path

from gateway.dashboard import (
    approval,
    approvals,
    cases,
    deciding,
    keys,
    listing,
    meter,
    payment,
    proposing,
    refunds,
    sale,
    session,
    stuck,
    today,
)

app_name = "dashboard"
urlpatterns = [
    path("", today.today, name="today"),
    path("login/", session.log_in, name="login"),
    path("logout/", session.log_out, name="logout"),
    path("stuck/", stuck.stuck, name="stuck"),
    path("cases/", cases.cases, name="cases"),
    path("cases/<int:case_id>/take/", cases.take, name="take_case"),
    path("cases/<int:case_id>/close/", cases.close, name="close_case"),
    path("approvals/", approvals.approvals, name="approvals"),
    path("approvals/<int:approval_id>/", approval.approval, name="approval"),
    path("approvals/<int:approval_id>/approve/", deciding.approve_it, name="approve"),
    path("approvals/<int:approval_id>/refuse/", deciding.refuse_it, name="refuse"),
    path("approvals/<int:approval_id>/withdraw/", deciding.withdraw_it, name="withdraw"),
    path("meters/<int:meter_id>/", meter.meter, name="meter"),
    path("payments/", listing.payments, name="payments"),
    path("payments/<int:payment_id>/", payment.payment, name="payment"),
    path("payments/<int:payment_id>/act/", proposing.act_on_payment, name="act_on_payment"),
    path("refunds/<int:refund_id>/paid/", refunds.paid, name="refund_paid"),
    path("refunds/<int:refund_id>/again/", refunds.again, name="refund_again"),
    path("sales/", listing.sales, name="sales"),
    path("sales/<int:vend_id>/", sale.sale, name="sale"),
    path("sales/<int:vend_id>/resend/", sale.resend, name="resend"),
    path("sales/<int:vend_id>/cancel/", proposing.cancel_sale, name="cancel_sale"),
    path("messages/", listing.messages, name="messages"),
    path("keys/", keys.keys, name="keys"),
]
