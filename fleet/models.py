"""Index of this app's tables; each stands in its slice."""

from fleet.approvals.models import Approval
from fleet.audit.models import AuditEntry, AuditSeal
from fleet.cases.models import Case
from fleet.customers.models import Customer, Phone
from fleet.meters.models import Meter, MeterPhone
from fleet.operators.models import Operator
from fleet.sites.models import Site

__all__ = [
    "Approval",
    "AuditEntry",
    "AuditSeal",
    "Case",
    "Customer",
    "Meter",
    "MeterPhone",
    "Operator",
    "Phone",
    "Site",
]
