"""The books: entries that balance, each cause once, and tables that the database itself keeps as they were written."""

from datetime import timedelta

import pytest
from django.db import DatabaseError, IntegrityError, transaction
from django.db.models import Model, QuerySet

from fleet.audit.models import AuditEntry, AuditSeal
from fleet.audit.services import seal_entries
from gateway.webhooks.models import Callback
from tests.support.world import NOW, World
from vending.kernel.append_only import REFUSAL
from vending.kernel.money import MoneyError
from vending.ledger.accounts import RECEIVABLE, REFUNDS, SUSPENSE, WALLET, levy, provider_float
from vending.ledger.errors import EntryMalformed, EntryUnbalanced
from vending.ledger.models import LedgerEntry, LedgerLine
from vending.ledger.queries import get_wallet, list_wallets
from vending.ledger.services import Line, Posting, post
from vending.tariffs.models import Tariff
from vending.tokens.models import Authority, Token
from vending.tokens.services import store_digits

pytestmark = [pytest.mark.django_db, pytest.mark.money_path]


def posting(cause: str, *amounts: int, meter_id: int | None = None) -> Posting:
    accounts = (provider_float("daraja"), WALLET if meter_id else REFUNDS, SUSPENSE)
    lines = tuple(Line(account, amount, meter_id) for account, amount in zip(accounts, amounts, strict=False))
    return Posting(cause=cause, currency="KES", lines=lines)


def rows() -> tuple[int, int]:
    return LedgerEntry.objects.count(), LedgerLine.objects.count()


def test_post_books_an_entry_with_its_lines_and_leaves_out_lines_of_nothing(world: World) -> None:
    post(postings=[posting("test:1", 500, -500, 0, meter_id=world.meter.pk)], now=NOW)
    entry = LedgerEntry.objects.get()
    assert (entry.cause, entry.currency, entry.at) == ("test:1", "KES", NOW)
    assert list(entry.lines.order_by("pk").values_list("account", "meter_id", "amount_minor")) == [
        ("float:daraja", world.meter.pk, 500),
        ("wallet", world.meter.pk, -500),
    ]


def test_post_of_several_keeps_each_line_with_its_entry() -> None:
    post(postings=[posting("test:1", 1, -1), posting("test:2", 2, -2)], now=NOW)
    assert set(LedgerLine.objects.values_list("entry__cause", "amount_minor")) == {
        ("test:1", 1), ("test:1", -1), ("test:2", 2), ("test:2", -2),
    }  # fmt: skip


def test_post_of_nothing_writes_nothing() -> None:
    post(postings=[], now=NOW)
    assert rows() == (0, 0)


@pytest.mark.parametrize("amounts", [(500, -499), (500,), (-1, 0, 0), (1, 1, 1)])
def test_post_that_does_not_balance_is_refused_and_nothing_is_written(amounts: tuple[int, ...]) -> None:
    with pytest.raises(EntryUnbalanced, match=r"^test:2 does not sum to nothing$") as refusal:
        post(postings=[posting("test:1", 5, -5), posting("test:2", *amounts)], now=NOW)
    assert refusal.value.code == "entry_unbalanced"
    assert rows() == (0, 0)


@pytest.mark.parametrize("amounts", [(), (0,), (0, 0, 0)])
def test_post_that_moves_no_money_is_refused_and_nothing_is_written(amounts: tuple[int, ...]) -> None:
    with pytest.raises(EntryMalformed, match=r"^test:2 moves no money$") as refusal:
        post(postings=[posting("test:1", 5, -5), posting("test:2", *amounts)], now=NOW)
    assert refusal.value.code == "entry_malformed"
    assert rows() == (0, 0)


@pytest.mark.parametrize("account", [WALLET, RECEIVABLE])
def test_post_on_the_account_of_no_meter_is_refused_and_nothing_is_written(account: str) -> None:
    lines = (Line(SUSPENSE, 5), Line(account, -5))
    with pytest.raises(EntryMalformed, match=r"^test:1 has a line on the account of no meter$"):
        post(postings=[Posting("test:1", "KES", lines)], now=NOW)
    assert rows() == (0, 0)


def test_post_in_a_currency_that_nobody_knows_is_refused_and_nothing_is_written() -> None:
    with pytest.raises(MoneyError, match=r"^unknown currency 'KSH'$"):
        post(postings=[Posting("test:1", "KSH", (Line(SUSPENSE, 5), Line(REFUNDS, -5)))], now=NOW)
    assert rows() == (0, 0)


def test_account_of_a_levy_is_a_tax_of_its_name() -> None:
    assert levy("rural electrification") == "tax:rural electrification"


@pytest.mark.parametrize("causes", [("test:1",), ("test:2", "test:1"), ("test:3", "test:3")])
def test_cause_that_is_booked_already_undoes_the_whole_act(causes: tuple[str, ...]) -> None:
    post(postings=[posting("test:1", 5, -5)], now=NOW)
    with pytest.raises(IntegrityError), transaction.atomic():
        post(postings=[posting(cause, 7, -7) for cause in causes], now=NOW + timedelta(days=1))
    assert rows() == (1, 2)
    assert LedgerEntry.objects.get().at == NOW


def test_wallets_are_what_the_lines_say(world: World) -> None:
    one, other = world.meter.pk, world.other_meter.pk
    assert list_wallets([one, other]) == {one: 0, other: 0}
    post(postings=[posting("test:1", 500, -500, meter_id=one), posting("test:2", -120, 120, meter_id=one)], now=NOW)
    assert list_wallets([one, other]) == {one: 380, other: 0}
    assert (get_wallet(one), list_wallets([])) == (380, {})


def refused(change: QuerySet[Model], how: dict[str, object] | None) -> bool:
    """Whether the database itself refuses to delete (None) or update these rows."""
    before = list(change.order_by("pk").values())
    assert before
    try:
        with transaction.atomic():
            # As one statement: Django's own collector would ask for related rows first.
            change._raw_delete(change.db) if how is None else change.update(**how)
    except DatabaseError as refusal:
        assert f" is {REFUSAL}" in str(refusal)  # noqa: PT017 -- the return value says that it was raised
        return list(change.order_by("pk").values()) == before
    return False


UPDATES: list[tuple[type[Model], dict[str, object]]] = [
    (LedgerEntry, {"cause": "else"}),
    (LedgerEntry, {"currency": "UGX"}),
    (LedgerEntry, {"at": NOW + timedelta(days=1)}),
    (LedgerLine, {"amount_minor": 1}),
    (LedgerLine, {"account": "wallet"}),
    (LedgerLine, {"meter_id": None}),
    (Authority, {"kind": "approval"}),
    (Authority, {"reference": "99"}),
    (AuditEntry, {"actor": "operator:9"}),
    (AuditEntry, {"act": "else"}),
    (AuditEntry, {"subject": "else"}),
    (AuditEntry, {"details": {"else": 1}}),
    (AuditEntry, {"at": NOW + timedelta(days=1)}),
    (AuditEntry, {"seal": None}),
    (AuditSeal, {"digest": "0" * 64}),
    (AuditSeal, {"entry_count": 1}),
    (Callback, {"body": b"else"}),
    (Callback, {"subject": "else"}),
    (Callback, {"outcome": "else"}),
    (Tariff, {"price_per_kwh_minor": 1}),
    (Tariff, {"starts_at": NOW}),
    (Tariff, {"note": "else"}),
    (Token, {"digits": "0" * 20}),
    (Token, {"digits": ""}),
    (Token, {"tid": 7}),
    (Token, {"rnd": 7}),
    (Token, {"amount_field": 7}),
    (Token, {"ti": 7}),
    (Token, {"subclass": 1}),
    (Token, {"base_date": "35"}),
]


@pytest.mark.parametrize(
    ("model", "change"), UPDATES, ids=[f"{model.__name__}-{'-'.join(change)}" for model, change in UPDATES]
)
def test_update_is_refused_by_the_database(world: World, model: type[Model], change: dict[str, object]) -> None:
    world.sell()
    seal_entries(now=NOW)
    assert refused(model._default_manager.all(), change)


@pytest.mark.parametrize("model", [LedgerEntry, LedgerLine, Authority, AuditEntry, AuditSeal, Callback, Tariff, Token])
def test_delete_is_refused_by_the_database(world: World, model: type[Model]) -> None:
    world.sell()
    seal_entries(now=NOW)
    assert refused(model._default_manager.all(), None)


def test_digits_are_stored_once_and_never_replaced(world: World) -> None:
    world.sell()
    token = Token.objects.get()
    first = token.digits
    store_digits(made={token.pk: (first[::-1], None)})
    token.refresh_from_db()
    assert (len(first), token.digits) == (20, first)
