"""Whether the TIDs that were given are the ones that are remembered."""

from collections.abc import Iterator

from django.db.models import Max

from vending.tokens.models import MeterTid, Token


def find_wrong_tids() -> Iterator[str]:
    """The last TID kept for a meter is not below one that it was given (above it may be: TIDs can be skipped)."""
    greatest = Token.objects.values("meter_id", "base_date").annotate(tid=Max("tid")).order_by()
    kept = {(row.meter_id, row.base_date): row for row in MeterTid.objects.iterator()}
    for token in greatest.iterator():
        row = kept.get((token["meter_id"], token["base_date"]))
        if row is None or row.last_tid < token["tid"]:
            name = f"meter_tid:{row.pk}" if row else f"meter:{token['meter_id']}"
            yield f"{name}: the last TID kept for it is below one that was given"
