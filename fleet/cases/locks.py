"""The lock on a case. It is taken last, after every other row of its transaction."""

from fleet.cases.errors import CaseMissing
from fleet.cases.models import Case


def lock_case(case_id: int) -> Case:
    """Lock a case until the transaction ends. Raises `CaseMissing`."""
    case = Case.objects.select_for_update().filter(pk=case_id).first()
    if case is None:
        raise CaseMissing("no such case")
    return case
