"""How far a payment callback is believed under the operator's settings. What is suspicious is logged without
addresses: the journal keeps those.
"""

import logging
from functools import lru_cache

from django.conf import settings

from gateway.payments.errors import PaymentSourceInvalid
from gateway.payments.ports import Authenticity, PaymentClaim
from gateway.payments.trust import Policy, Source, SourceMode, Trust, is_listed, judge, parse_sources
from vending.kernel.money import digits_of

logger = logging.getLogger(__name__)


def trust_in(claim: PaymentClaim, source: str) -> Trust:
    """How far to believe a claim that this address posted to an unsigned door."""
    policy = _policy(claim.currency)
    trust = judge(claim, source, policy.sources, policy.mode, policy.verify_above_minor)
    if trust.authenticity is Authenticity.SECRET and (policy.sources or policy.mode is SourceMode.ENFORCE):
        logger.warning("a payment callback came from an address that is not in PAYMENT_SOURCES (mode %s)", policy.mode)
    return trust


def is_believed(source: str, currency: str) -> bool:
    """Whether a word that nobody asked for is taken from this address: from a listed one, or from any in log mode."""
    policy = _policy(currency)
    return policy.mode is SourceMode.LOG or is_listed(source, policy.sources)


def _policy(currency: str) -> Policy:
    """The settings as they stand: read here and nowhere else."""
    return Policy(
        sources=_sources(tuple(settings.PAYMENT_SOURCES)),
        mode=SourceMode(settings.PAYMENT_SOURCE_MODE),
        verify_above_minor=settings.PAYMENT_VERIFY_ABOVE * 10 ** digits_of(currency),
    )


@lru_cache(maxsize=4)
def _sources(texts: tuple[str, ...]) -> tuple[Source, ...]:
    """A list that cannot be read holds nobody: money is still taken, and in enforce mode all of it is verified."""
    try:
        return parse_sources(texts)
    except PaymentSourceInvalid as refusal:
        logger.error("%s", refusal)  # noqa: TRY400 - a setting, not a fault in the code
        return ()
