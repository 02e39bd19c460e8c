"""The Celery application. Tasks are hints: they name rows, the rows say what is to be done."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gateway.settings")

app = Celery("tokeni")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(
    [
        "gateway.claims",
        "gateway.desk",
        "gateway.fulfilment",
        "gateway.inquiries",
        "gateway.payments",
        "gateway.reconciliation",
        "gateway.refunds",
        "gateway.sms",
        "gateway.ussd",
    ]
)
