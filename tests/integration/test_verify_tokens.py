"""`manage.py verify_tokens`: quiet about tokens that are right, and naming the row of each that is wrong."""

import io
import json

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from tests.support.rows import rows_of
from tests.support.tampering import drop_triggers
from tests.support.world import ACTOR, NOW, World
from vending.keys.models import VendingKey
from vending.keys.stopping import stop_vending_key
from vending.tokens import auditing
from vending.tokens.models import Authority, Token

pytestmark = [pytest.mark.django_db, pytest.mark.money_path]


def run(*arguments: str) -> tuple[int, list[str]]:
    """Exit status and lines of standard output."""
    out, status = io.StringIO(), 0
    try:
        call_command("verify_tokens", *arguments, stdout=out)
    except SystemExit as end:
        status = int(str(end.code))
    return status, out.getvalue().splitlines()


def change(token: Token, **fields: object) -> None:
    """As somebody who owns the database could."""
    drop_triggers("vending_token", "vending_authority")
    Token.objects.filter(pk=token.pk).update(**fields)


@pytest.fixture
def tokens(world: World) -> list[Token]:
    for account in (world.meter.drn, world.other_meter.drn, world.meter.drn):
        world.sell(account=account)
    return list(Token.objects.order_by("pk"))


def name_of(token: Token) -> str:
    return f"(meter {token.meter_id}, vending key {token.vending_key_id})"


def test_right_tokens_are_passed_and_nothing_is_written(tokens: list[Token]) -> None:
    before = rows_of(Token, Authority, VendingKey)

    assert run() == (0, ["wrong: 0"])
    assert run("--json") == (0, ['{"tokens": 3, "wrong": 0}'])
    assert rows_of(Token, Authority, VendingKey) == before


def test_no_tokens_are_no_wrong_tokens(world: World) -> None:
    assert run() == (0, ["wrong: 0"])


def test_token_without_digits_is_not_looked_at(tokens: list[Token]) -> None:
    change(tokens[0], digits="")

    assert run("--json") == (0, ['{"tokens": 2, "wrong": 0}'])


def test_each_wrong_token_is_named_by_its_rows_and_its_digits_are_not_told(tokens: list[Token]) -> None:
    first, second, third = tokens
    change(first, amount_field=first.amount_field + 1, rnd=first.rnd ^ 1)
    change(third, digits=second.digits)

    status, lines = run()

    assert status == 1
    assert lines == [
        f"token {first.pk}: amount_field, rnd {name_of(first)}",
        f"token {third.pk}: crc {name_of(third)}",
        "wrong: 2",
    ]
    status, lines = run("--json")
    assert status == 1
    assert [json.loads(line) for line in lines] == [
        {
            "token": first.pk,
            "meter": first.meter_id,
            "vending_key": first.vending_key_id,
            "code": "verify_failed",
            "field": "amount_field",
        },
        {
            "token": third.pk,
            "meter": third.meter_id,
            "vending_key": third.vending_key_id,
            "code": "verify_failed",
            "field": "crc",
        },
        {"tokens": 3, "wrong": 2},
    ]


def test_tokens_of_a_stopped_key_are_read_all_the_same(tokens: list[Token]) -> None:
    stop_vending_key(vending_key_id=tokens[0].vending_key_id, reason="test", actor=ACTOR, now=NOW)
    change(tokens[0], amount_field=tokens[0].amount_field + 1)

    assert run() == (1, [f"token {tokens[0].pk}: amount_field {name_of(tokens[0])}", "wrong: 1"])


def test_tokens_that_nobody_can_decode_are_counted_and_not_called_wrong(tokens: list[Token]) -> None:
    key_id = tokens[0].vending_key_id
    VendingKey.objects.filter(pk=key_id).update(ken=254)  # the seal knows better

    assert run() == (1, [f"vending key {key_id}: 3 not decoded, vending_key_damaged", "wrong: 0"])
    status, lines = run("--json")
    assert status == 1
    assert [json.loads(line) for line in lines] == [
        {"vending_key": key_id, "code": "vending_key_damaged", "not_decoded": 3},
        {"tokens": 3, "wrong": 0},
    ]


def test_since_leaves_out_what_was_granted_on_an_earlier_day(tokens: list[Token]) -> None:
    change(tokens[0], rnd=tokens[0].rnd ^ 1)
    late = tokens[1]
    Authority.objects.filter(pk=late.authority_id).update(granted_at=NOW.replace(day=21, hour=0, minute=0))

    assert run("--since", "2026-11-20")[1][-1] == "wrong: 1"
    assert run("--since", "2026-11-21", "--json") == (0, ['{"tokens": 1, "wrong": 0}'])
    assert run("--since", "2026-11-22", "--json") == (0, ['{"tokens": 0, "wrong": 0}'])


def test_since_that_is_no_day_is_refused() -> None:
    for text in ("yesterday", "2026-13-01", "20/11/2026"):
        with pytest.raises(CommandError, match="--since is no day"):
            run("--since", text)


def test_tokens_come_in_batches_and_each_once(tokens: list[Token], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auditing, "_TOKENS_A_TIME", 2)
    change(tokens[2], rnd=tokens[2].rnd ^ 1)

    assert run("--json")[1][-1] == '{"tokens": 3, "wrong": 1}'


def test_process_without_the_key_encryption_key_is_refused(tokens: list[Token], settings: Settings) -> None:
    settings.IS_PRODUCTION = True
    settings.KEY_ENCRYPTION_KEY_FILE = settings.KEY_ENCRYPTION_KEY = ""

    with pytest.raises(CommandError, match=r"^key_encryption_key_missing: "):
        run()
