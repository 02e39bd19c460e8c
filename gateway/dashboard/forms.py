"""What a posted form says, and acting on it: done on POST alone, and what came of it is shown on the next page.

Every act goes through a service that is idempotent or refuses the second time: a form sent twice does no harm.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from django.contrib import messages
from django.http import HttpRequest

from gateway.clock import now
from gateway.dashboard.refusals import refusal_words
from vending.kernel.errors import DomainError


@dataclass(frozen=True)
class Doer:
    """Who acts, and when."""

    operator_id: int
    now: datetime

    @property
    def actor(self) -> str:
        return f"operator:{self.operator_id}"


def typed(request: HttpRequest, name: str) -> str:
    """A field without control and invisible characters, which no table takes and no reader sees."""
    text = request.POST.get(name, "")
    return " ".join("".join(c for c in text if c.isprintable() or c.isspace()).split())


def act(request: HttpRequest, do: Callable[[Doer], str]) -> bool:
    """On POST, do it and show what it says, or why it was refused; whether it was done. By GET one finds the form
    again.
    """
    if request.method != "POST" or request.user.pk is None:
        return False
    try:
        said = do(Doer(request.user.pk, now()))
    except DomainError as refusal:
        messages.error(request, refusal_words(refusal))
        return False
    messages.success(request, said)
    return True
