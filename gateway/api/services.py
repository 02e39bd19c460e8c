"""Making and revoking API keys, and noting that one was used."""

import re
from collections.abc import Callable
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q

from fleet.audit.services import Act, record
from gateway.api.errors import ApiKeyMissing, ApiKeyNameInvalid, ApiKeyNameTaken
from gateway.api.keys import make_key
from gateway.api.models import ApiKey

_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9 ._-]{0,58}[A-Za-z0-9])?")
_NOTED_EVERY = timedelta(minutes=1)


@transaction.atomic
def make_api_key(*, name: str, random_octets: Callable[[int], bytes], actor: str, now: datetime) -> str:
    """A new key, whole: it is kept nowhere and cannot be shown again. Raises `ApiKeyNameInvalid`, `ApiKeyNameTaken`."""
    if _NAME.fullmatch(name) is None:
        raise ApiKeyNameInvalid("a name has 1 to 60 letters, digits, blanks, dots, hyphens or underscores")
    new = make_key(random_octets)
    row, is_new = ApiKey.objects.get_or_create(
        name=name, defaults={"prefix": new.prefix, "digest": new.digest, "made_at": now}
    )
    if not is_new:
        raise ApiKeyNameTaken("a key has this name, or had it")
    record(actor=actor, acts=[Act("api_key.made", f"api_key:{row.pk}", {"name": name})], now=now)
    return new.whole


@transaction.atomic
def revoke_api_key(*, name: str, actor: str, now: datetime) -> bool:
    """End a key, at once and for good; False when it was revoked before. Raises `ApiKeyMissing`."""
    row = ApiKey.objects.filter(name=name).first()
    if row is None:
        raise ApiKeyMissing("no key has this name")
    if not ApiKey.objects.filter(pk=row.pk, revoked_at=None).update(revoked_at=now):
        return False
    record(actor=actor, acts=[Act("api_key.revoked", f"api_key:{row.pk}", {"name": name})], now=now)
    return True


def note_use(*, api_key_id: int, now: datetime) -> bool:
    """When a key was last used, to the minute: not every read is to be a write. Says whether it was noted now."""
    stale = Q(last_used_at=None) | Q(last_used_at__lte=now - _NOTED_EVERY)
    return ApiKey.objects.filter(stale, pk=api_key_id).update(last_used_at=now) > 0
