"""API keys, by services and by `manage.py api_keys`."""

import hashlib
import io
import re
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command

from fleet.audit.models import AuditEntry
from gateway.api.errors import ApiKeyMissing, ApiKeyNameInvalid, ApiKeyNameTaken
from gateway.api.models import ApiKey
from gateway.api.queries import find_api_key
from gateway.api.services import make_api_key, note_use, revoke_api_key
from gateway.http.redaction import redact
from tests.support.world import ACTOR, NOW

pytestmark = pytest.mark.django_db


def octets(count: int) -> bytes:
    return bytes(range(count))


def make(name: str = "partner") -> str:
    return make_api_key(name=name, random_octets=octets, actor=ACTOR, now=NOW)


def run(*arguments: str) -> tuple[str, str]:
    out, err = io.StringIO(), io.StringIO()
    call_command("api_keys", *arguments, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


def test_make_keeps_a_digest_and_not_the_key() -> None:
    whole = make()
    assert re.fullmatch(r"000102030405\.[0-9a-f]{64}", whole)
    assert whole.partition(".")[2] not in redact(f"Authorization: Api-Key {whole}")
    row = ApiKey.objects.get()
    assert (row.name, row.prefix, row.made_at) == ("partner", "000102030405", NOW)
    assert row.digest == hashlib.sha256(whole.encode()).hexdigest()
    assert (row.last_used_at, row.revoked_at) == (None, None)
    assert find_api_key(whole) == row
    entry = AuditEntry.objects.get()
    assert (entry.act, entry.subject, entry.details) == ("api_key.made", f"api_key:{row.pk}", {"name": "partner"})


@pytest.mark.parametrize("name", ["", " ", "a" * 61, "-a", "a-", "a\nb", "a\0", "\u00e9", "a/b"])
def test_make_name_that_is_none_refused(name: str) -> None:
    with pytest.raises(ApiKeyNameInvalid):
        make(name)
    assert not ApiKey.objects.exists()


def test_make_name_that_was_used_refused_even_after_revoking() -> None:
    make()
    revoke_api_key(name="partner", actor=ACTOR, now=NOW)
    with pytest.raises(ApiKeyNameTaken):
        make_api_key(name="partner", random_octets=bytes, actor=ACTOR, now=NOW)
    assert ApiKey.objects.count() == 1


def test_revoke_once_and_for_good() -> None:
    whole = make()
    assert revoke_api_key(name="partner", actor=ACTOR, now=NOW)
    assert find_api_key(whole) is None
    assert not revoke_api_key(name="partner", actor=ACTOR, now=NOW + timedelta(days=1))
    assert ApiKey.objects.get().revoked_at == NOW
    assert list(AuditEntry.objects.values_list("act", flat=True)) == ["api_key.made", "api_key.revoked"]


def test_revoke_unknown_refused() -> None:
    with pytest.raises(ApiKeyMissing):
        revoke_api_key(name="nobody", actor=ACTOR, now=NOW)


@pytest.mark.parametrize("shown", ["", ".", "000102030405", "000102030405." + "a" * 64, "a\0", "\u00e9" * 77])
def test_find_key_that_is_not_one_nobody(shown: str) -> None:
    make()
    assert find_api_key(shown) is None


def test_note_use_at_most_once_a_minute() -> None:
    make()
    key_id = ApiKey.objects.get().pk
    assert note_use(api_key_id=key_id, now=NOW)
    assert not note_use(api_key_id=key_id, now=NOW + timedelta(seconds=59))
    assert note_use(api_key_id=key_id, now=NOW + timedelta(seconds=60))


def test_command_shows_a_key_once() -> None:
    out, err = run("make", "partner one")
    assert find_api_key(out.strip()) == ApiKey.objects.get()
    assert (out.count("\n"), err) == (1, "Keep it now: it is not shown again.\n")
    listed, _ = run("list")
    prefix, _, secret = out.strip().partition(".")
    assert listed.startswith(f"partner one: {prefix}..., made 20")
    assert listed.endswith(" UTC, never used\n")
    assert secret not in listed


def test_command_revokes_and_says_when() -> None:
    whole, _ = run("make", "partner")
    note_use(api_key_id=ApiKey.objects.get().pk, now=NOW)
    assert run("revoke", "partner")[0] == "revoked\n"
    assert run("revoke", "partner")[0] == "it was revoked already\n"
    assert re.search(r", used 2026-11-20 09:00 UTC, revoked 20.* UTC\n", run("list")[0])
    assert find_api_key(whole.strip()) is None


def test_command_refuses_in_one_line() -> None:
    run("make", "partner")
    with pytest.raises(CommandError, match=r"\Aapi_key_name_taken: "):
        run("make", "partner")
    with pytest.raises(CommandError, match=r"\Aapi_key_missing: "):
        run("revoke", "nobody")
