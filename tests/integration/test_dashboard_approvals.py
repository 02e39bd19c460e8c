"""The approvals pages: exact terms in words, decided by another person than the maker, done once."""

import re
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from http import HTTPStatus

import pytest
from django.contrib.messages import get_messages
from django.test import Client

from fleet.approvals.lifecycle import ApprovalState
from fleet.approvals.models import Approval
from fleet.approvals.services import ask
from fleet.audit.models import AuditEntry
from fleet.operators.models import Operator
from fleet.operators.services import set_operator
from fleet.sites.services import add_site
from gateway.dashboard import approval_rows, deciding, forms, layout
from gateway.dashboard.terms_words import TermLine, list_terms
from gateway.desk.services import Kind, propose
from gateway.payments.models import Payment
from tests.support.doubted import doubted
from tests.support.fake_security_module import FakeSecurityModule
from tests.support.rows import rows_of
from tests.support.world import ACTOR, NOW, PRICES, World
from vending.ledger.models import LedgerEntry
from vending.tariffs.models import Tariff
from vending.tariffs.services import publish_tariff
from vending.tariffs.terms import TariffFacts, terms_of
from vending.vends.models import Vend

REASON = "asked by phone"
HINTS: list[int] = []


@pytest.fixture
def maker(world: World) -> Operator:
    return set_operator(username="neema", password="right-password-1", actor=ACTOR, now=NOW)


@pytest.fixture
def checker(world: World) -> Operator:
    return set_operator(username="baraka", password="right-password-2", actor=ACTOR, now=NOW)


@pytest.fixture
def desk(client: Client, checker: Operator, world: World, monkeypatch: pytest.MonkeyPatch) -> Client:
    """The checker's browser, whose pages are as of `world.now`."""
    for page in (layout, forms):
        monkeypatch.setattr(page, "now", lambda: world.now)
    monkeypatch.setattr(deciding, "wake", lambda task_name, row_ids: HINTS.extend(row_ids))
    HINTS.clear()
    client.force_login(checker)
    return client


@pytest.fixture
def makers_desk(desk: Client, maker: Operator) -> Client:
    browser = Client()
    browser.force_login(maker)
    return browser


def words_of(desk: Client, path: str) -> str:
    response = desk.get(f"/dashboard/{path}")
    assert response.status_code == HTTPStatus.OK
    assert not re.search(r"<script|<style|\sstyle=|\son\w+=|https?://", response.content.decode())
    return " ".join(re.sub(r"<[^>]*>", " ", response.content.decode()).split())


def said(desk: Client, path: str, **form: str) -> str:
    response = desk.post(f"/dashboard/approvals/{path}", form)
    assert (response.status_code, response.headers["Location"]) == (HTTPStatus.FOUND, "/dashboard/approvals/")
    answer = [str(message) for message in get_messages(response.wsgi_request)][-1]
    desk.get("/dashboard/approvals/")  # which shows it once
    return answer


def proposed(world: World, maker: Operator, kind: Kind, subject_id: int, **given: object) -> Approval:
    return propose(
        kind=kind,
        subject_id=subject_id,
        terms=given,
        reason=REASON,
        maker_id=maker.pk,
        actor=f"operator:{maker.pk}",
        now=world.now,
    )


def assigning(world: World, maker: Operator) -> Approval:
    payment = world.sell(account="no such meter")
    return proposed(world, maker, Kind.PAYMENT_ASSIGN, payment.pk, meter_id=world.meter.pk)


def dearer(world: World) -> TariffFacts:
    prices = replace(PRICES, price_per_kwh_minor=2500)
    return TariffFacts("KES", prices, 1000, 10_000_000, starts_at=datetime(2026, 12, 1, tzinfo=UTC), note="EPRA 7/26")


def publish(facts: TariffFacts, world: World) -> None:
    names = [field.name for field in fields(facts)]
    given = {name: getattr(facts, name) for name in names}
    publish_tariff(site_id=world.site.pk, **given, actor=ACTOR, now=world.now)


def publishing(world: World, maker: Operator) -> Approval:
    return proposed(world, maker, Kind.TARIFF_PUBLISH, world.site.pk, **terms_of(dearer(world)))


def test_page_without_login_leads_to_the_login_page(client: Client, db: None) -> None:
    doors = ("approvals/", "approvals/1/", "approvals/1/approve/", "approvals/1/refuse/", "approvals/1/withdraw/")
    for path in doors:
        for response in (client.get(f"/dashboard/{path}"), client.post(f"/dashboard/{path}")):
            assert response.status_code == HTTPStatus.FOUND
            assert response.headers["Location"] == f"/dashboard/login/?next=/dashboard/{path}"


def test_page_says_when_nothing_waits(desk: Client) -> None:
    words = words_of(desk, "approvals/")
    assert "Nothing waits for a second person." in words
    assert "Decided last" not in words


def test_waiting_proposal_shows_exact_terms_and_its_number_beside_every_page(
    desk: Client, world: World, maker: Operator
) -> None:
    approval = assigning(world, maker)
    world.later(3600)
    about = Payment.objects.get()
    assert (
        f"Proposal {approval.pk} : give a payment its meter waiting for a second person About payment {about.pk} "
        f"Meter 37000123457 Payment KES 200 Receipt {about.receipt} The payment is paid, no meter "
        f"Reason {REASON} Proposed by neema, 12:00:00 ; expires in 2 d 23 h Approve proposal {approval.pk} "
        f"Refuse proposal {approval.pk}"
    ) in words_of(desk, "approvals/")
    assert "Approvals 1 waiting" in words_of(desk, "")


def test_second_person_approves_and_the_act_is_done_once(
    desk: Client, world: World, maker: Operator, checker: Operator
) -> None:
    approval = assigning(world, maker)
    done = f"Proposal {approval.pk} is approved and done: give a payment its meter."
    assert said(desk, f"{approval.pk}/approve/") == done
    assert Payment.objects.get().meter == world.meter
    assert [Payment.objects.get().pk] == HINTS
    assert AuditEntry.objects.get(act="payment.assigned").actor == f"operator:{checker.pk}"
    before = rows_of(Payment, Approval, AuditEntry, LedgerEntry)
    for door in ("approve", "refuse", "withdraw"):
        again = said(desk, f"{approval.pk}/{door}/", answer="no")
        assert again == "It was decided already. Nothing was changed (approval_decided)."
    assert rows_of(Payment, Approval, AuditEntry, LedgerEntry) == before
    words = words_of(desk, "approvals/")
    assert f"proposal {approval.pk} 12:00:00 give a payment its meter" in words
    assert f"{REASON} neema, baraka approved and done" in words


def test_maker_cannot_decide_and_sees_withdraw_instead(
    desk: Client, makers_desk: Client, world: World, maker: Operator
) -> None:
    approval = assigning(world, maker)
    words = words_of(makers_desk, "approvals/")
    assert "Another person decides. Withdraw" in words
    assert "Approve proposal" not in words
    before = rows_of(Payment, Approval, AuditEntry, LedgerEntry)
    for door in ("approve", "refuse"):
        refused = said(makers_desk, f"{approval.pk}/{door}/", answer="no")
        assert refused == "Who proposed it cannot decide it. Nothing was changed (approval_by_maker)."
    assert said(desk, f"{approval.pk}/withdraw/").endswith("Nothing was changed (approval_not_by_maker).")
    assert rows_of(Payment, Approval, AuditEntry, LedgerEntry) == before
    withdrawn = f"Proposal {approval.pk} is withdrawn. Nothing of it was done."
    assert said(makers_desk, f"{approval.pk}/withdraw/") == withdrawn
    approval.refresh_from_db()
    assert (approval.state, approval.checker) == (ApprovalState.WITHDRAWN, None)
    assert Payment.objects.get().meter is None


def test_refusal_needs_an_answer_and_does_nothing(desk: Client, world: World, maker: Operator) -> None:
    approval = assigning(world, maker)
    for answer in ("", "x" * 201, "\0\x1b\u200b"):
        refused = said(desk, f"{approval.pk}/refuse/", answer=answer)
        assert refused == "Say why, in 1 to 200 characters. Nothing was changed (approval_reason_invalid)."
    assert said(desk, f"{approval.pk}/refuse/", answer="not\0 his meter") == (
        f"Proposal {approval.pk} is refused. Nothing of it was done."
    )
    assert Payment.objects.get().meter is None
    assert "refused not his meter" in words_of(desk, "approvals/")


def test_late_and_unknown_proposals_are_not_decided(desk: Client, world: World, maker: Operator) -> None:
    approval = assigning(world, maker)
    world.later(timedelta(hours=72).total_seconds())
    assert said(desk, f"{approval.pk}/approve/").endswith("Nothing was changed (approval_expired).")
    for number in (999, 10**25):
        for door in ("approve", "refuse", "withdraw"):
            assert said(desk, f"{number}/{door}/", answer="no").endswith("Nothing was changed (approval_missing).")
        assert desk.get(f"/dashboard/approvals/{number}/").status_code == HTTPStatus.NOT_FOUND


def test_what_changed_since_it_was_proposed_is_not_done(desk: Client, world: World, maker: Operator) -> None:
    approval = assigning(world, maker)
    Payment.objects.update(meter=world.other_meter)
    assert said(desk, f"{approval.pk}/approve/").endswith("Nothing was changed (terms_outdated).")
    approval.refresh_from_db()
    assert approval.state == ApprovalState.WAITING


def test_doors_act_on_post_with_the_pages_secret_only(
    desk: Client, world: World, maker: Operator, checker: Operator
) -> None:
    approval = assigning(world, maker)
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(checker)
    for door in ("approve", "refuse", "withdraw"):
        path = f"/dashboard/approvals/{approval.pk}/{door}/"
        assert strict.post(path, {"answer": "no"}).status_code == HTTPStatus.FORBIDDEN
        for ask_for in (desk.get, desk.head, desk.put, desk.delete):
            assert ask_for(path).status_code == HTTPStatus.FOUND
    for path in ("approvals/", f"approvals/{approval.pk}/"):
        assert desk.post(f"/dashboard/{path}").status_code == HTTPStatus.METHOD_NOT_ALLOWED
    approval.refresh_from_db()
    assert approval.state == ApprovalState.WAITING


def test_tariff_is_shown_line_by_line_with_its_effect_and_decided_there(
    desk: Client, world: World, maker: Operator
) -> None:
    world.now = datetime(2026, 10, 20, 9, 0, tzinfo=UTC)
    publish(replace(dearer(world), prices=PRICES, starts_at=datetime(2026, 9, 1, tzinfo=UTC)), world)
    world.sell(20_000)
    world.now = NOW
    approval = publishing(world, maker)
    words = words_of(desk, "approvals/")
    assert "publish a tariff" in words
    assert "See its effect on last month's sales, and decide" in words.replace("&#x27;", "'")
    assert "Approve proposal" not in words

    words = words_of(desk, f"approvals/{approval.pk}/")
    assert "Effect on the sales of October 2026" in words
    assert "of 1 customer." in words
    assert "Sales 1 1 +0 Units 8.1 kWh 6.5 kWh -1.6 kWh" in words
    assert "Revenue without taxes KES 172 KES 172.50 +KES 0.50" in words
    assert "37000123457 8.1 kWh 6.5 kWh" in words
    assert "Site Test site" in words
    assert "all classes without prices of their own, from 2026-12-01 03:00 +0300: KES 25 a kWh" in words
    assert "VAT 16 % " in words
    assert "note: EPRA 7/26" in words

    assert said(desk, f"{approval.pk}/approve/").endswith("approved and done: publish a tariff.")
    assert Tariff.objects.filter(approval=approval, price_per_kwh_minor=2500).count() == 1
    words = words_of(desk, f"approvals/{approval.pk}/")
    assert ("Effect" in words, "approved and done" in words) == (False, True)


def test_tariff_without_sales_to_play_again_says_so(desk: Client, world: World, maker: Operator) -> None:
    approval = publishing(world, maker)
    assert "No sales in that month." in words_of(desk, f"approvals/{approval.pk}/")
    site = add_site(code="new", name="New site", currency="KES", timezone="Africa/Nairobi", actor=ACTOR, now=NOW)
    approval = proposed(world, maker, Kind.TARIFF_PUBLISH, site.pk, **terms_of(dearer(world)))
    words = words_of(desk, f"approvals/{approval.pk}/")
    assert "This site has no prices and no sales yet." in words
    assert "KES 25 a kWh" in words


def test_terms_that_nobody_reads_are_shown_as_they_are(desk: Client, world: World, maker: Operator) -> None:
    for kind, subject in ((Kind.TARIFF_PUBLISH, "site:1"), ("meter.paint", "meter:1")):
        ask(
            kind=kind,
            subject=subject,
            terms={"colour": "red"},
            reason=REASON,
            maker_id=maker.pk,
            expires_at=NOW + timedelta(hours=1),
            actor=ACTOR,
            now=NOW,
        )
    words = words_of(desk, "approvals/")
    assert words.count("colour red") == 2
    assert "meter.paint" in words
    tariff = Approval.objects.get(kind=Kind.TARIFF_PUBLISH)
    assert "colour red" in words_of(desk, f"approvals/{tariff.pk}/")
    other = Approval.objects.get(kind="meter.paint")
    assert said(desk, f"{other.pk}/approve/").endswith("Nothing was changed (approval_kind_unknown).")


def test_every_kind_is_told_in_full(desk: Client, world: World, maker: Operator) -> None:
    module, world.module = world.module, FakeSecurityModule({}, is_unavailable=True)
    held = world.sell()
    world.module = module
    kept, stopped = world.sell(account=world.other_meter.drn, amount_minor=500), doubted(world)
    sale = Vend.objects.get()
    cases = {
        proposed(world, maker, Kind.PAYMENT_MOVE, held.pk, meter_id=world.other_meter.pk): [
            ("Money that moves", "KES 200"),
            ("From meter", world.meter.drn),
            ("To meter", world.other_meter.drn),
            ("Cancels first", f"sale {sale.pk}"),
            ("Payment", "KES 200"),
            ("Receipt", "RCPT000001"),
            ("The payment is", "allocated"),
        ],
        proposed(world, maker, Kind.SALE_CANCEL, sale.pk): [
            ("Back to the wallet", "KES 197.92"),
            ("Meter", world.meter.drn),
            ("Units not delivered", "8.1 kWh"),
            ("The sale is", "held"),
        ],
        proposed(world, maker, Kind.PAYMENT_REFUND, kept.pk): [
            ("Goes back", "KES 5"),
            ("Out of", "the meter's wallet"),
            ("Payment", "KES 5"),
            ("Receipt", "RCPT000002"),
            ("The payment is", "allocated"),
        ],
        proposed(world, maker, Kind.WALLET_REFUND, world.other_meter.pk, payment_id=kept.pk, amount_minor=200): [
            ("Goes back", "KES 2"),
            ("Meter", world.other_meter.drn),
            ("To who paid", f"payment {kept.pk}"),
            ("Payment", "KES 5"),
            ("Receipt", "RCPT000002"),
            ("The payment is", "allocated"),
            ("The wallet holds", "KES 5"),
        ],
        proposed(world, maker, Kind.PAYMENT_RELEASE, stopped.pk): [
            ("Payment", "KES 200"),
            ("Receipt", "RCPT000003"),
            ("The payment is", "paid, not yet allocated"),
            ("To be verified", "yes"),
        ],
    }
    for approval, lines in cases.items():
        shown = list_terms(approval.kind, approval.subject, approval.terms, "UTC")
        assert shown == [TermLine(*line) for line in lines], approval.kind
    words_of(desk, "approvals/")


def test_long_list_is_cut_and_says_so(
    desk: Client, world: World, maker: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.dashboard.approvals.SHOWN", 1)
    assert approval_rows.SHOWN > 1
    for _ in range(2):
        payment = world.sell(account="no such meter")
        proposed(world, maker, Kind.PAYMENT_ASSIGN, payment.pk, meter_id=world.meter.pk)
    assert "Only the first 1 are shown." in words_of(desk, "approvals/")
