"""The button that sends a sale's SMS again: the same digits, once a form, minting nothing."""

import re
from http import HTTPStatus

import pytest
from django.test import Client

from fleet.audit.models import AuditEntry
from fleet.operators.models import Operator
from fleet.operators.services import set_operator
from gateway.dashboard import layout, sale
from gateway.sms.errors import TextTooLong
from gateway.sms.models import Message
from tests.support.fake_security_module import FakeSecurityModule
from tests.support.world import ACTOR, AMINA, JUMA, NOW, World
from vending.ledger.models import LedgerEntry
from vending.tokens.models import Authority, Token
from vending.vends.models import Vend

Woken = list[tuple[str, list[int]]]


@pytest.fixture
def operator(world: World) -> Operator:
    return set_operator(username="neema", password="right-password-1", actor=ACTOR, now=NOW)


@pytest.fixture
def woken(monkeypatch: pytest.MonkeyPatch) -> Woken:
    """The hints that workers would have got."""
    hints: Woken = []
    monkeypatch.setattr(sale, "wake", lambda task_name, row_ids: hints.append((task_name, row_ids)))
    return hints


@pytest.fixture
def desk(client: Client, operator: Operator, world: World, woken: Woken, monkeypatch: pytest.MonkeyPatch) -> Client:
    monkeypatch.setattr(layout, "now", lambda: world.now)
    monkeypatch.setattr(sale, "now", lambda: world.now)
    client.force_login(operator)
    return client


def form_of(desk: Client, vend: Vend) -> dict[str, str]:
    """What the sale's page would post, with the first phone chosen."""
    html = desk.get(f"/dashboard/sales/{vend.pk}/").content.decode()
    names = ("form_id", "message")
    return {name: re.findall(rf'name="{name}" value="([^"]+)"', html)[0] for name in names}


def post(desk: Client, vend: Vend, form: dict[str, str]) -> str:
    """Post the form; returns what the next page tells."""
    address = f"/dashboard/sales/{vend.pk}/"
    response = desk.post(f"{address}resend/", form, follow=True)
    assert response.redirect_chain == [(address, HTTPStatus.FOUND)]
    told = re.findall(r'<p class="note \w+" role="status">([^<]*)</p>', response.content.decode())
    return str(told[0]) if told else ""


def minted() -> tuple[int, int, int, int]:
    return (
        Token.objects.count(),
        Authority.objects.count(),
        Vend.objects.count(),
        LedgerEntry.objects.count(),
    )


def test_resend_queues_the_same_digits_and_mints_nothing(
    desk: Client, world: World, woken: Woken, operator: Operator
) -> None:
    world.sell()
    vend, before = Vend.objects.get(), minted()
    world.later(60)
    assert post(desk, vend, form_of(desk, vend)) == "The same code is queued again for ..101."
    first, again = Message.objects.order_by("pk")
    assert (again.kind, again.to_e164, again.vend_id, again.queued_at) == ("resend", AMINA, vend.pk, world.now)
    assert again.body.splitlines()[0] == first.body.splitlines()[0]
    assert again.body.splitlines()[0].replace(" ", "") == Token.objects.get().digits
    assert minted() == before
    assert woken == [("gateway.sms.tasks.send_messages", [again.pk])]
    assert AuditEntry.objects.get(subject=f"message:{again.pk}").actor == f"operator:{operator.pk}"


def test_resend_posted_twice_sends_once(desk: Client, world: World, woken: Woken) -> None:
    world.sell()
    vend = Vend.objects.get()
    form = form_of(desk, vend)
    post(desk, vend, form)
    assert post(desk, vend, form) == "This request was done already. Nothing more was sent."
    assert Message.objects.filter(kind="resend").count() == 1
    assert [row_ids for _, row_ids in woken if row_ids] == [[Message.objects.get(kind="resend").pk]]


def test_resend_that_loses_to_its_own_twin_sends_nothing(
    desk: Client, world: World, woken: Woken, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two posts of one form at the same moment: the database lets one of them write."""
    world.sell()
    vend = Vend.objects.get()
    form = form_of(desk, vend)
    first = Message.objects.get()

    def loses(**_: object) -> list[int]:
        Message.objects.create(cause=first.cause, kind="resend", to_e164=AMINA, body="", queued_at=NOW)
        return []

    monkeypatch.setattr(sale, "resend_codes", loses)
    assert post(desk, vend, form) == "This request was done already. Nothing more was sent."
    assert Message.objects.count() == 1
    assert woken == [("gateway.sms.tasks.send_messages", [])]


def test_resend_of_a_text_that_cannot_be_written_says_why(
    desk: Client, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.sell()
    vend = Vend.objects.get()
    form = form_of(desk, vend)

    def refuses(**_: object) -> list[int]:
        raise TextTooLong("a text has no room", field="text")

    monkeypatch.setattr(sale, "resend_codes", refuses)
    assert post(desk, vend, form) == "The SMS cannot be written (text_too_long). Nothing was sent."
    assert Message.objects.count() == 1


def test_resend_from_a_page_loaded_again_sends_again(desk: Client, world: World) -> None:
    world.sell()
    vend = Vend.objects.get()
    for _ in range(2):
        post(desk, vend, form_of(desk, vend))
    assert Message.objects.filter(kind="resend").count() == 2


def test_resend_goes_to_the_chosen_one_of_several_phones(desk: Client, world: World) -> None:
    world.sell(payer=JUMA)
    vend = Vend.objects.get()
    to_owner = Message.objects.get(to_e164=AMINA)
    form = form_of(desk, vend) | {"message": str(to_owner.pk)}
    assert post(desk, vend, form) == "The same code is queued again for ..101."
    assert Message.objects.get(kind="resend").to_e164 == AMINA


@pytest.mark.parametrize(
    "change", [{"message": ""}, {"message": "no id"}, {"form_id": ""}, {"form_id": "too short"}, {"form_id": "a" * 65}]
)
def test_resend_of_an_incomplete_form_sends_nothing(desk: Client, world: World, change: dict[str, str]) -> None:
    world.sell()
    vend = Vend.objects.get()
    assert post(desk, vend, form_of(desk, vend) | change) == "Choose the phone. Nothing was sent."
    assert Message.objects.count() == 1


def test_resend_refuses_the_phone_of_another_sale(desk: Client, world: World) -> None:
    world.sell()
    world.sell(account=world.other_meter.drn, payer=JUMA)
    vend, other = Vend.objects.order_by("pk")
    form = form_of(desk, vend) | {"message": str(Message.objects.get(vend=other).pk)}
    assert post(desk, vend, form) == "Choose the phone. Nothing was sent."
    assert not Message.objects.filter(kind="resend").exists()


def test_resend_of_a_sale_without_code_sends_nothing(desk: Client, world: World) -> None:
    world.module = FakeSecurityModule({}, is_unavailable=True)
    world.sell()
    vend = Vend.objects.get()
    form = {"form_id": "a" * 24, "message": "1"}
    assert post(desk, vend, form) == "This sale has no code yet. Nothing was sent."
    assert not Message.objects.exists()


def test_resend_of_an_unknown_sale_is_not_found(desk: Client, world: World) -> None:
    assert desk.post("/dashboard/sales/999/resend/", {}).status_code == HTTPStatus.NOT_FOUND


def test_resend_by_get_leads_back_and_sends_nothing(desk: Client, world: World) -> None:
    world.sell()
    vend = Vend.objects.get()
    response = desk.get(f"/dashboard/sales/{vend.pk}/resend/")
    assert response.headers["Location"] == f"/dashboard/sales/{vend.pk}/"
    assert Message.objects.count() == 1


def test_resend_without_the_forms_secret_is_refused(operator: Operator, world: World) -> None:
    world.sell()
    vend = Vend.objects.get()
    stranger = Client(enforce_csrf_checks=True)
    stranger.force_login(operator)
    form = {"form_id": "a" * 24, "message": str(Message.objects.get().pk)}
    assert stranger.post(f"/dashboard/sales/{vend.pk}/resend/", form).status_code == HTTPStatus.FORBIDDEN
    assert Message.objects.count() == 1


def test_resend_stands_on_the_time_line_with_its_operator(desk: Client, world: World) -> None:
    world.sell()
    vend = Vend.objects.get()
    post(desk, vend, form_of(desk, vend))
    html = desk.get(f"/dashboard/sales/{vend.pk}/").content.decode()
    last = " ".join(re.sub(r"<[^>]*>", " ", html.split("<li>")[-1].split("</li>")[0]).split())
    assert last == "12:00:00 SMS queued to ..101 code, sent again neema"
