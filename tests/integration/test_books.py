"""`verify_books`: quiet about books that are true, and naming the row for one changed row of each kind."""

from collections.abc import Iterator

import pytest
from django.db import connection, transaction

from fleet.audit.models import AuditSeal
from fleet.audit.services import seal_entries
from fleet.meters.models import Meter
from gateway.books.queries import list_differences
from gateway.fulfilment.resending import resend_codes
from gateway.fulfilment.services import allocate
from gateway.management.commands import verify_books
from gateway.payments.models import Payment
from gateway.sms.lifecycle import MessageState
from gateway.sms.locks import claim_message
from gateway.sms.models import Message
from gateway.sms.ports import SendOutcome, SendResult
from gateway.sms.services import store_result
from gateway.webhooks.models import Callback
from tests.support.committed import at_once, committed, committed_world
from tests.support.fake_security_module import FakeSecurityModule
from tests.support.tampering import Change, list_unsaid, remove, update, verify
from tests.support.world import ACTOR, AMINA, NOW, World
from vending.keys.models import VendingKey
from vending.keys.stopping import start_vending_key, stop_vending_key
from vending.ledger.models import LedgerEntry, LedgerLine
from vending.tariffs.models import FixedFeeCharge
from vending.tokens.models import Authority, MeterTid, Token
from vending.tokens.services import store_digits
from vending.vends.models import Vend

__all__ = ["committed", "committed_world"]
pytestmark = [pytest.mark.django_db, pytest.mark.money_path]
Ids = dict[str, int]


@pytest.fixture(autouse=True)
def clock_of_the_world(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verify_books, "now", lambda: NOW)


@pytest.fixture
def books(world: World) -> Ids:
    """A little of everything, sealed, and the ids that statements below use."""
    sold, kept = world.sell(20_000), world.sell(500, account=world.other_meter.drn)
    lost = world.sell(account="37000999997")
    found = world.sell(account="37000999980")
    Payment.objects.filter(pk=found.pk).update(meter=world.meter, next_try_at=world.now)
    world.fulfil()
    seal_entries(now=NOW)
    world.module, module = FakeSecurityModule({("201457", 1, 2): 255}, is_unavailable=True), world.module
    held = world.sell(20_000, account=world.other_meter.drn)
    world.module = module
    vend = Vend.objects.get(authority__reference=str(sold.pk))
    resend_codes(vend_ids=[vend.pk], to_e164=AMINA, request="again", actor=ACTOR, now=NOW)
    send_in_vain(world)
    world.purchase()
    waiting = world.confirm()
    seal_entries(now=NOW)
    entry = LedgerEntry.objects.get(cause=f"payment:{sold.pk}:allocated")
    return {
        "payment": sold.pk,
        "kept": kept.pk,
        "lost": lost.pk,
        "found": found.pk,
        "waiting": waiting.payment_id or 0,
        "vend": vend.pk,
        "held": Vend.objects.get(authority__reference=str(held.pk)).pk,
        "authority": vend.authority_id,
        "token": vend.authority.token.pk,
        "tariff": vend.tariff_id,
        "key": vend.authority.token.vending_key_id,
        "meter": world.meter.pk,
        "other": world.other_meter.pk,
        "meter_tid": MeterTid.objects.get(meter=world.meter).pk,
        "charge": FixedFeeCharge.objects.get(vend=vend).pk,
        "entry": entry.pk,
        "line": LedgerLine.objects.get(entry=entry, account="revenue:energy").pk,
        "wallet_line": LedgerLine.objects.get(entry__cause=f"payment:{kept.pk}:allocated", account="wallet").pk,
        "message": Message.objects.get(kind="token", vend=vend).pk,
        "resent": Message.objects.get(kind="resend").pk,
        "notice": Message.objects.get(kind="kept").pk,
        "callback": Callback.objects.get(subject=sold.receipt).pk,
        "seal": AuditSeal.objects.order_by("pk")[0].pk,
        "next_seal": AuditSeal.objects.order_by("pk")[1].pk,
    }


def send_in_vain(world: World) -> None:
    """A text that the provider did not take is queued once more."""
    message = claim_message(message_id=None, now=world.now)
    assert message is not None
    result = SendResult(SendOutcome.TRANSIENT)
    store_result(message_id=message.pk, provider="africastalking", result=result, actor=ACTOR, now=world.now)
    assert Message.objects.get(pk=message.pk).state == MessageState.QUEUED


def test_books_after_sales_of_every_kind_have_no_differences(books: Ids) -> None:
    assert verify() == (0, ["differences: 0"])


def payment(row: str, changes: str, *named: str) -> Change:
    return update("gateway_payment", row, changes, f"payment:{{{row}}}", *named)


def vend(changes: str, *named: str, row: str = "vend") -> Change:
    return update("vending_vend", row, changes, f"vend:{{{row}}}", *named)


def token(changes: str, *named: str) -> Change:
    return update("vending_token", "token", changes, "token:{token}", *named)


def line(changes: str, *named: str) -> Change:
    return update("vending_ledgerline", "line", changes, "ledger_entry:{entry}", "payment:{payment}", *named)


def message(row: str, changes: str) -> Change:
    return update("gateway_message", row, changes, f"message:{{{row}}}")


def entry(changes: str, *named: str) -> Change:
    return update("vending_ledgerentry", "entry", changes, *named)


def audit(changes: str, *named: str) -> Change:
    where = "act = 'vend.issued' AND subject = 'vend:{vend}'"
    statement = f"UPDATE fleet_auditentry SET {changes} WHERE {where}"  # noqa: S608 -- all of it is ours
    return Change((statement,), ("audit_seal:{seal}", *named))


ZEROS = "0" * 20
CHANGES = {
    "payment-amount": payment("payment", "amount_minor = amount_minor + 1", "vend:{vend}", "ledger_entry:{entry}"),
    "payment-currency": payment("payment", "currency = 'UGX'", "vend:{vend}"),
    "payment-provider": payment("payment", "provider = 'mtn_momo'"),
    "payment-receipt": payment("payment", "receipt = 'ELSE'", "callback:{callback}"),
    "payment-meter": payment("payment", "meter_id = {other}", "vend:{vend}"),
    "payment-meter-kept": payment("kept", "meter_id = {meter}"),
    "payment-meter-none": payment("kept", "meter_id = NULL"),
    "payment-state-confirmed": payment("payment", "state = 'CONFIRMED'"),
    "payment-state-suspense": payment("payment", "state = 'SUSPENSE'"),
    "payment-state-reversed": payment("payment", "state = 'REVERSED'"),
    "payment-state-refund": payment("lost", "state = 'REFUND_PENDING'"),
    "payment-state-refunded": payment("found", "state = 'REFUNDED'"),
    "payment-state-lost-again": payment("lost", "state = 'CONFIRMED'"),
    "payment-state-unpaid": payment("waiting", "state = 'DECLINED'"),
    "payment-removed": remove(
        "gateway_payment", "payment", "vend:{vend}", "ledger_entry:{entry}", "callback:{callback}"
    ),
    "ledger-line-amount": line("amount_minor = amount_minor - 1", "vend:{vend}"),
    "ledger-line-account": line("account = 'revenue:fixed_fee'"),
    "ledger-line-meter": line("meter_id = {other}"),
    "ledger-line-removed": remove("vending_ledgerline", "line", "ledger_entry:{entry}", "payment:{payment}"),
    "wallet-moved": update("vending_ledgerline", "wallet_line", "meter_id = {meter}", "payment:{kept}"),
    "wallet-negative": update(
        "vending_ledgerline", "wallet_line", "amount_minor = 5", "payment:{kept}", "meter:{other}"
    ),
    "ledger-entry-currency": entry("currency = 'UGX'", "ledger_entry:{entry}", "payment:{payment}"),
    "ledger-entry-cause": entry("cause = 'payment:99999:allocated'", "ledger_entry:{entry}", "payment:{payment}"),
    "ledger-entry-cause-unknown": entry("cause = 'gift'", "ledger_entry:{entry}", "payment:{payment}"),
    "ledger-entry-removed": Change(
        (
            "DELETE FROM vending_ledgerline WHERE entry_id = {entry}",
            "DELETE FROM vending_ledgerentry WHERE id = {entry}",
        ),
        ("payment:{payment}",),
    ),
    "ledger-lines-removed": Change(
        ("DELETE FROM vending_ledgerline WHERE entry_id = {entry}",), ("ledger_entry:{entry}", "payment:{payment}")
    ),
    "vend-energy": vend("energy_kwh_tenths = energy_kwh_tenths + 10", "token:{token}", "tariff:{tariff}"),
    "vend-energy-held": vend("energy_kwh_tenths = energy_kwh_tenths + 10", row="held"),
    "vend-state-held": vend("state = 'HELD'"),
    "vend-state-cancelled": vend("state = 'CANCELLED'"),
    "vend-state-issued": vend("state = 'ISSUED'", row="held"),
    "vend-parts": vend("net_minor = net_minor + 1, kept_minor = kept_minor - 1", "payment:{payment}"),
    "vend-parts-wallet": vend("wallet_used_minor = wallet_used_minor + 7, kept_minor = kept_minor + 7"),
    "vend-paid": vend("paid_minor = paid_minor + 1, kept_minor = kept_minor + 1", "payment:{payment}"),
    "vend-fee": vend("fee_minor = 0, kept_minor = kept_minor + fee_minor", "fixed_fee_charge:{charge}"),
    "vend-meter": vend("meter_id = {other}", "payment:{payment}", "token:{token}"),
    "tariff-price": update("vending_tariff", "tariff", "price_per_kwh_minor = 1999", "tariff:{tariff}", "vend:{vend}"),
    "tariff-limit": update("vending_tariff", "tariff", "most_payment_minor = 1", "tariff:{tariff}"),
    "meter-pan": update("fleet_meter", "meter", "meter_pan = '600727370002004659'", "meter:{meter}"),
    "meter-key": update("fleet_meter", "meter", "krn = 2", "meter:{meter}"),
    "meter-state": update("fleet_meter", "meter", "state = 'SUSPENDED'", "meter:{meter}"),
    "key-ken": update("vending_vendingkey", "key", "ken = 254", "vending_key:{key}"),
    "key-check-value": update("vending_vendingkey", "key", "check_value = 'abcdef'", "vending_key:{key}"),
    "fee-charge-removed": remove("vending_fixedfeecharge", "charge", "vend:{vend}"),
    "fee-charge-month": update(
        "vending_fixedfeecharge", "charge", "month_date = '2026-10-01'", "fixed_fee_charge:{charge}", "vend:{vend}"
    ),
    "token-digits": token(f"digits = '{ZEROS}'", "message:{message}", "message:{resent}"),
    "token-digits-no-token": token("digits = 'gone'"),
    "token-digits-empty": token("digits = ''"),
    "token-tid": token("tid = tid - 1"),
    "token-rnd": token("rnd = 6"),
    "token-ti": token("ti = 2"),
    "token-amount": token("amount_field = amount_field + 1", "vend:{vend}"),
    "token-amount-impossible": token("amount_field = 70000", "vend:{vend}"),
    "token-meter": token("meter_id = {other}, tid = 7"),
    "token-removed": remove("vending_token", "token", "vend:{vend}", "message:{message}"),
    "authority-reference": update(
        "vending_authority", "authority", "reference = '-1'", "authority:{authority}", "payment:{payment}"
    ),
    "authority-reference-text": update("vending_authority", "authority", "reference = 'me'", "authority:{authority}"),
    "authority-kind": update("vending_authority", "authority", "kind = 'approval'", "authority:{authority}"),
    "meter-tid-lower": update("vending_metertid", "meter_tid", "last_tid = last_tid - 1", "meter_tid:{meter_tid}"),
    "meter-tid-removed": remove("vending_metertid", "meter_tid", "meter:{meter}"),
    "message-code": message("message", "body = replace(body, substr(body, 1, 4), '0000')"),
    "message-units": message("message", "body = replace(body, '8.1', '9.1')"),
    "message-phone": message("message", "to_e164 = '+254700000000'"),
    "message-sale": Change(
        ("UPDATE gateway_message SET vend_id = {held} WHERE id = {resent}",), ("message:{resent}",)
    ),
    "message-no-sale": message("resent", "vend_id = NULL"),
    "message-notice": message("notice", "body = 'send 500 to this phone'"),
    "callback-subject": update(
        "gateway_callback", "callback", "subject = 'ELSE'", "callback:{callback}", "payment:{payment}"
    ),
    "callback-provider": update("gateway_callback", "callback", "provider = 'else'", "callback:{callback}"),
    "callback-removed": remove("gateway_callback", "callback", "payment:{payment}"),
    "audit-entry": audit("actor = 'operator:1'"),
    "audit-entry-details": audit("details = '[]'", "token:{token}"),
    "audit-entry-act": audit("act = 'vend.held'", "vend:{vend}"),
    "audit-entry-removed": Change(
        ("DELETE FROM fleet_auditentry WHERE act = 'payment.allocated' AND subject = 'payment:{payment}'",),
        ("audit_seal:{seal}", "payment:{payment}"),
    ),
    "audit-seal": update("fleet_auditseal", "seal", f"digest = '{'0' * 64}'", "audit_seal:{seal}"),
    "audit-seal-removed": Change(
        (
            "UPDATE fleet_auditentry SET seal_id = NULL WHERE seal_id = {seal}",
            "DELETE FROM fleet_auditseal WHERE id = {seal}",
        ),
        ("audit_seal:{next_seal}",),
    ),
}  # fmt: skip


KINDS = sorted({name.partition("-")[0] for name in CHANGES})


@pytest.mark.parametrize("kind", KINDS)
def test_books_with_one_row_changed_exit_1_and_name_it(books: Ids, kind: str) -> None:
    """Each change of this kind by itself; what was not found or not named is told by the change's name."""
    of_kind = {name: change for name, change in CHANGES.items() if name.partition("-")[0] == kind}
    assert list_unsaid(of_kind, books) == {}


def test_books_with_a_token_from_nowhere_name_it_and_its_authority(books: Ids, world: World) -> None:
    model = Token.objects.get(pk=books["token"])
    authority = Authority.objects.create(kind="payment", reference="99999", granted_at=NOW)
    model.pk, model.authority, model.tid = None, authority, model.tid - 1
    model.save(force_insert=True)
    assert verify() == (
        1,
        [
            f"token:{model.pk}: no sale stands behind authority:{authority.pk}",
            f"authority:{authority.pk}: no sale was made of it",
            "differences: 2",
        ],
    )


def test_books_with_a_meter_that_nobody_registered_name_it(books: Ids) -> None:
    model = Meter.objects.get(pk=books["meter"])
    model.pk, model.drn, model.meter_pan = None, "0", "0"
    model.save(force_insert=True)
    name = f"meter:{model.pk}"
    assert verify() == (
        1,
        [
            f"{name}: is ACTIVE, but no act moved it there",
            f"{name}: no meter.registered was recorded for it",
            "differences: 2",
        ],
    )


def test_books_of_a_stopped_key_with_sales_that_wait_and_of_a_started_one_are_true(books: Ids, world: World) -> None:
    key_id, again = VendingKey.objects.get().pk, ("operator:1", "operator:2")
    stop_vending_key(vending_key_id=key_id, reason="lost card", actor=ACTOR, now=NOW)
    world.sell()
    assert Vend.objects.filter(held_reason="vending_key_stopped").exists()
    assert verify() == (0, ["differences: 0"])
    start_vending_key(vending_key_id=key_id, actors=again, now=NOW)
    assert verify() == (0, ["differences: 0"])
    world.later(300)
    world.resume()
    assert not Vend.objects.filter(held_reason="vending_key_stopped").exists()
    assert verify() == (0, ["differences: 0"])


def test_books_of_tids_that_a_module_took_are_true(books: Ids, world: World) -> None:
    allocate(payment_ids=[world.confirm().payment_id or 0], tools=world.tools())
    token = Token.objects.get(digits="", meter=world.meter)
    assert store_digits(made={token.pk: ("1" * 20, token.tid + 20)}) == {}
    assert verify() == (0, ["differences: 0"])


def test_books_with_a_key_started_or_stopped_by_hand_name_it(books: Ids) -> None:
    key_id = VendingKey.objects.get().pk
    VendingKey.objects.update(stopped_at=NOW, stopped_reason="mine")
    said = f"vending_key:{key_id}: is stopped (mine), but no act made it so"
    assert verify() == (1, [said, "differences: 1"])
    VendingKey.objects.update(stopped_at=None, stopped_reason="")
    stop_vending_key(vending_key_id=key_id, reason="lost card", actor=ACTOR, now=NOW)
    VendingKey.objects.update(stopped_at=None, stopped_reason="")
    assert verify() == (1, [f"vending_key:{key_id}: is not stopped, but no act made it so", "differences: 1"])


def test_books_with_money_from_nowhere_name_the_entry(books: Ids) -> None:
    entry = LedgerEntry.objects.create(cause="gift:1", currency="KES", at=NOW)
    for account, amount in (("float:daraja", 900), ("wallet", -900)):
        LedgerLine.objects.create(entry=entry, account=account, meter_id=books["meter"], amount_minor=amount)
    status, lines = verify()
    assert (status, lines[0]) == (1, f"ledger_entry:{entry.pk} (gift:1): no row stands behind it")
    assert [line.partition(":")[0] for line in lines[1:]] == ["total of KES", "differences"]


@pytest.mark.django_db(transaction=True)
def test_books_are_read_at_one_moment_while_a_sale_goes_through(committed_world: World) -> None:
    world = committed_world
    world.sell()
    LedgerEntry.objects.create(cause="gift:1", currency="KES", at=NOW)
    differences: Iterator[str] = list_differences(NOW)
    assert "gift:1" in next(differences)
    (sold,) = at_once([lambda: world.sell().pk])
    assert Payment.objects.count() == 1, "of the same moment"
    assert len(list(differences)) == 1
    assert list(Payment.objects.order_by("pk").values_list("pk", flat=True))[1:] == [sold]
    assert not connection.in_atomic_block
    with transaction.atomic():
        assert len(list(list_differences(NOW))) == 2
