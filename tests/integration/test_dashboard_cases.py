"""The pages about what a person must do: open cases, and the vending keys with their ends."""

import re
from datetime import timedelta
from http import HTTPStatus
from types import SimpleNamespace

import pytest
from django.contrib.messages import get_messages
from django.test import Client
from pytest_django import Settings

from fleet.cases.models import Case
from fleet.cases.services import open_case
from fleet.operators.models import Operator
from fleet.operators.services import set_operator
from gateway.dashboard import cases, forms, keys, layout
from tests.support.rows import rows_of
from tests.support.world import ACTOR, NOW, World, load_key
from vending.keys.models import VendingKey
from vending.keys.stopping import stop_vending_key
from vending.vends.models import Vend

HOSTILE = "<script>alert(1)</script>"


@pytest.fixture
def operator(world: World) -> Operator:
    return set_operator(username="neema", password="right-password-1", actor=ACTOR, now=NOW)


@pytest.fixture
def desk(client: Client, operator: Operator, world: World, monkeypatch: pytest.MonkeyPatch) -> Client:
    """A browser with a login, whose pages are as of `world.now`."""
    for page in (layout, forms):
        monkeypatch.setattr(page, "now", lambda: world.now)
    client.force_login(operator)
    return client


def words_of(desk: Client, path: str) -> str:
    response = desk.get(f"/dashboard/{path}")
    assert response.status_code == HTTPStatus.OK
    assert not re.search(r"<script|<style|\sstyle=|\son\w+=|https?://", response.content.decode())
    return " ".join(re.sub(r"<[^>]*>", " ", response.content.decode()).split())


def said(desk: Client, path: str, **form: str) -> list[str]:
    """What the page answers to a form."""
    response = desk.post(f"/dashboard/{path}", form)
    assert (response.status_code, response.headers["Location"]) == (HTTPStatus.FOUND, "/dashboard/cases/")
    return [str(message) for message in get_messages(response.wsgi_request)]


def open_one(subject: str = "meter:7", hours: int = 4, **details: object) -> Case:
    return open_case(
        reason="look_ahead_limit",
        subject=subject,
        details=details,
        due_at=NOW + timedelta(hours=hours),
        actor=ACTOR,
        now=NOW,
    )


@pytest.mark.parametrize("path", ["cases/", "keys/", "cases/1/take/", "cases/1/close/"])
def test_page_without_login_leads_to_the_login_page(client: Client, db: None, path: str) -> None:
    for response in (client.get(f"/dashboard/{path}"), client.post(f"/dashboard/{path}")):
        assert response.status_code == HTTPStatus.FOUND
        assert response.headers["Location"] == f"/dashboard/login/?next=/dashboard/{path}"


def test_cases_page_says_when_nothing_waits(desk: Client) -> None:
    assert "Nothing waits for a person." in words_of(desk, "cases/")
    assert "Cases <span" not in desk.get("/dashboard/cases/").content.decode()


def test_cases_are_shown_first_due_first_with_words_and_code(desk: Client, world: World) -> None:
    world.look_ahead_minutes = 0
    for _ in range(2):
        world.confirm()
    world.fulfil()
    open_one("vending_key:1", hours=-1, supply_group="201457/1/2")
    world.later(90)
    words = words_of(desk, "cases/")
    about = f"meter {world.meter.drn} sale {Vend.objects.order_by('-pk')[0].pk}"
    reason = "too far ahead of the clock: it goes on by itself (look_ahead_limit)"
    assert reason in words
    assert about in words
    assert words.index("overdue by 1 h 01 min") < words.index("vending key 201457/1/2") < words.index(about)
    assert "in 3 h 58 min" in words
    assert "2 open, 1 overdue; the first due first" in words
    assert f"case {Case.objects.order_by('pk')[0].pk}, opened 12:00:00" in words
    assert "nobody Take case" in words
    html = desk.get("/dashboard/cases/").content.decode()
    assert '<a href="/dashboard/keys/#201457-1-2">' in html
    assert '<span class="count late">2<span' in html


def test_number_of_open_cases_stands_beside_every_page(desk: Client, world: World) -> None:
    open_one()
    for path in ("", "stuck/", "keys/"):
        assert "Cases 1 open" in words_of(desk, path)


def test_case_is_taken_and_closed_by_its_owner(desk: Client, operator: Operator, world: World) -> None:
    case = open_one(meter="37000123457")
    assert said(desk, f"cases/{case.pk}/take/") == [f"Case {case.pk} is yours."]
    assert said(desk, f"cases/{case.pk}/take/")[-1] == f"Case {case.pk} was yours already."
    assert "you Close case" in words_of(desk, "cases/")
    world.later(5)
    assert said(desk, f"cases/{case.pk}/close/", outcome="clock set")[-1] == f"Case {case.pk} is closed."
    again = said(desk, f"cases/{case.pk}/close/", outcome="other")
    assert again[-1] == f"Case {case.pk} was closed already. Nothing was changed."
    case.refresh_from_db()
    assert (case.owner, case.outcome, case.closed_at) == (operator, "clock set", world.now)
    words = words_of(desk, "cases/")
    assert "Nothing waits for a person." in words
    assert words.index("Closed last") < words.index("12:00:05") < words.index("meter 37000123457 neema clock set")


def test_case_is_changed_by_no_bad_form(desk: Client) -> None:
    case = open_one()
    before = rows_of(Case)
    refused = "Say in 1 to 200 characters what was found or done. Nothing was changed (case_outcome_invalid)."
    missing = "There is no such case. Nothing was changed (case_missing)."
    assert said(desk, f"cases/{case.pk}/close/")[-1] == refused
    assert said(desk, f"cases/{case.pk}/close/", outcome="x" * 201)[-1] == refused
    assert said(desk, f"cases/{case.pk}/close/", outcome="\0\u200b \x1b")[-1] == refused
    assert said(desk, "cases/999/close/", outcome="x")[-1] == missing
    assert said(desk, "cases/999/take/")[-1] == missing
    for door in ("take", "close"):
        assert desk.get(f"/dashboard/cases/{case.pk}/{door}/").headers["Location"] == "/dashboard/cases/"
    assert rows_of(Case) == before
    said(desk, f"cases/{case.pk}/close/", outcome="done")
    assert said(desk, f"cases/{case.pk}/take/")[-1] == "That case is closed already. Nothing was changed (case_closed)."


def test_forms_without_the_pages_secret_are_refused(operator: Operator) -> None:
    case = open_one()
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(operator)
    for door in ("take", "close"):
        response = strict.post(f"/dashboard/cases/{case.pk}/{door}/", {"outcome": "done"})
        assert response.status_code == HTTPStatus.FORBIDDEN
    case.refresh_from_db()
    assert (case.owner, case.closed_at) == (None, None)


def test_outcome_is_escaped(desk: Client) -> None:
    case = open_one(meter=HOSTILE)
    said(desk, f"cases/{case.pk}/close/", outcome=HOSTILE)
    words_of(desk, "cases/")


@pytest.mark.parametrize(
    ("subject", "details", "url", "about"),
    [
        ("payment:12", {}, "/dashboard/payments/12/", "payment 12"),
        ("vend:12", {"vend_id": 12}, "/dashboard/sales/12/", "sale 12"),
        ("refund:3", {"payment_id": 12}, "/dashboard/payments/12/#refunds", "refund 3"),
        ("refund:3", {"payment_id": "x"}, "", "refund 3"),
        ("meter:7", {"meter": "37000123457"}, "/dashboard/meters/7/", "meter 37000123457"),
        ("vending_key:1", {"supply_group": "201457/1/2"}, "/dashboard/keys/#201457-1-2", "vending key 201457/1/2"),
        ("ussd_session:3", {}, "", "ussd session 3"),
        ("installation", {}, "", "installation"),
    ],
)
def test_case_leads_to_the_page_of_what_it_is_about(
    subject: str, details: dict[str, object], url: str, about: str
) -> None:
    assert (cases.url_of(subject, details), cases.about_words(subject, details)) == (url, about)


def test_long_list_of_cases_is_cut_and_says_so(desk: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cases, "SHOWN", 2)
    for number in range(3):
        open_one(f"meter:{number}")
    assert "Only the first 2 are shown." in words_of(desk, "cases/")


def test_keys_page_shows_what_anybody_may_know(desk: Client) -> None:
    words = words_of(desk, "keys/")
    key = VendingKey.objects.get()
    assert f"SGC 201457 KRN 1, KT 2 2014 (14) 04 255: none always no end {key.check_value} 24 Nov 2045" in words
    assert "sells published test key" in words
    assert "Tables of EA 07 In force sample: no real meter takes their tokens From sample" in words


@pytest.mark.parametrize(
    ("values", "said_of_it"),
    [
        ({"stopped_at": NOW, "stopped_reason": "lost card"}, "stopped 12:00:00: lost card"),
        ({"dkga": 3}, "unverified: sells nothing"),
        ({"kt": 1}, "sells no power: only a key of KT 2 does"),
        ({"active_from_at": NOW + timedelta(days=1)}, "no end 122c11 24 Nov 2045 6944 days left not active yet"),
        ({"issue_until_at": NOW - timedelta(days=1)}, "19 Nov 2026 over ended"),
        ({"ken": 104}, "104 always no end 122c11 31 Jan 2027 72 days left sells"),
    ],
    ids=["stopped", "unverified", "kt", "act", "iut", "ken"],
)
def test_keys_page_says_what_keeps_a_key_from_selling(desk: Client, values: dict[str, object], said_of_it: str) -> None:
    VendingKey.objects.update(**values)
    assert said_of_it in words_of(desk, "keys/")


def test_keys_page_in_production_says_that_sample_tables_sell_nothing(desk: Client, settings: Settings) -> None:
    settings.IS_PRODUCTION = True
    assert "sample: nothing is sold to meters with EA 07" in words_of(desk, "keys/")


def test_keys_page_with_a_real_key_and_the_operators_tables_is_all_good(
    desk: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    VendingKey.objects.update(check_value="000000")
    monkeypatch.setattr(keys, "get_tables", lambda: SimpleNamespace(is_operational=True))
    html = desk.get("/dashboard/keys/").content.decode()
    assert re.findall(r'class="state (\w+)">([^<]+)<', html) == [
        ("good", "6944 days left"),
        ("good", "sells"),
        ("good", "operational"),
    ]


def test_keys_page_says_that_a_bad_file_of_tables_is_refused(desk: Client, settings: Settings) -> None:
    settings.STS_EA07_TABLES = __file__
    assert "the file is refused (ea07_tables_refused)" in words_of(desk, "keys/")


def test_keys_page_without_a_key(desk: Client) -> None:
    VendingKey.objects.all().delete()
    assert "No vending key is loaded: nothing can be sold." in words_of(desk, "keys/")


def test_today_warns_of_keys_that_are_stopped_or_about_to_end(desk: Client, world: World) -> None:
    assert "Vending key" not in words_of(desk, "")
    load_key(krn=3, issue_until_at=NOW + timedelta(days=59, hours=1))
    load_key(krn=4, issue_until_at=NOW + timedelta(days=61))
    load_key(krn=5, ken=102)
    stop_vending_key(vending_key_id=VendingKey.objects.get(krn=1).pk, reason="lost card", actor=ACTOR, now=NOW)
    words = words_of(desk, "")
    assert "Vending key SGC 201457, KRN 1, KT 2 is stopped: paid sales wait for it." in words
    assert "Vending key SGC 201457, KRN 3, KT 2 makes its last token in 59 days." in words
    assert "KRN 4" not in words
    assert "Vending key SGC 201457, KRN 5, KT 2 makes no more tokens." in words
