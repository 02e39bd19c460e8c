"""Which vending keys there are, without their octets."""

from collections.abc import Collection

from vending.keys.models import VendingKey

KeyName = tuple[str, int, int]


def list_vending_keys(names: Collection[KeyName]) -> dict[KeyName, VendingKey]:
    """The keys of these (SGC, KRN, KT) that exist, without the sealed octets."""
    rows = VendingKey.objects.defer("sealed").filter(sgc__in={sgc for sgc, _, _ in names})
    return {(row.sgc, row.krn, row.kt): row for row in rows if (row.sgc, row.krn, row.kt) in names}
