"""What can be asked about sites."""

from fleet.sites.models import Site


def find_first_timezone() -> str | None:
    """The clock that people read in the oldest site: the one to use where a row belongs to no site."""
    return Site.objects.order_by("pk").values_list("timezone", flat=True).first()
