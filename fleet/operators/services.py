"""Logins of staff."""

from datetime import datetime

from django.db import transaction

from fleet.audit.services import Act, record
from fleet.operators.models import Operator


@transaction.atomic
def set_operator(*, username: str, password: str, actor: str, now: datetime) -> Operator:
    """A login with this password. Idempotent by user name; the password is set again if it does not fit."""
    operator, is_new = Operator.objects.get_or_create(username=username)
    if is_new or not operator.check_password(password):
        operator.set_password(password)
        operator.save()
        record(actor=actor, acts=[Act("operator.password_set", f"operator:{operator.pk}")], now=now)
    return operator
