"""Every token that was ever stored, decoded again and compared with its row: `verifying`, without end. Writes nothing.

The tokens come in batches, by ascending id, so that memory stays small however many there are.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from vending.kernel.errors import DomainError
from vending.keys.errors import KeyEncryptionKeyMissing
from vending.security.ports import SecurityModule
from vending.tokens.models import Token
from vending.tokens.verifying import verify_tokens

_TOKENS_A_TIME = 2_000


class Audited(NamedTuple):
    """A token and its verdict: None when it is right, `VerifyFailed`, or what kept the module from decoding it."""

    token_id: int
    meter_id: int
    vending_key_id: int
    verdict: DomainError | None


def audit_tokens(module: SecurityModule, *, since: datetime | None = None) -> Iterator[Audited]:
    """Each stored token, or those whose authority was granted at `since` or later. One without digits is not stored.

    `SecurityModuleUnavailable` and `KeyEncryptionKeyMissing` end it: no token can be decoded.
    """
    tokens = Token.objects.exclude(digits="").order_by("pk")
    if since:
        tokens = tokens.filter(authority__granted_at__gte=since)
    rows = tokens.values_list("pk", "meter_id", "vending_key_id")
    last_id = 0
    while batch := list(rows.filter(pk__gt=last_id)[:_TOKENS_A_TIME]):
        verdicts = verify_tokens([token_id for token_id, _, _ in batch], module)
        for token_id, meter_id, vending_key_id in batch:
            verdict = verdicts[token_id]
            if isinstance(verdict, KeyEncryptionKeyMissing):
                raise verdict
            yield Audited(token_id, meter_id, vending_key_id, verdict)
        last_id = batch[-1][0]
