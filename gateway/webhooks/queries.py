"""What can be asked about the journal."""

from gateway.webhooks.models import Callback


def list_outcomes(provider: str, door: str, subject: str) -> set[str]:
    """What was made of everything that came by this door about this subject."""
    told = Callback.objects.filter(provider=provider, door=door, subject=subject)
    return set(told.values_list("outcome", flat=True))
