"""What can be asked about operators."""

from collections.abc import Collection

from fleet.operators.models import Operator


def list_usernames(operator_ids: Collection[int]) -> dict[int, str]:
    """The user name of each of these operators that exists, in one round trip."""
    if not operator_ids:
        return {}
    return dict(Operator.objects.filter(pk__in=operator_ids).values_list("pk", "username"))
