"""A delivery report that finds no message, because it comes in the moment in which the message's id is being stored."""

import pytest

from gateway.sms.lifecycle import MessageState
from gateway.sms.models import DeliveryReport, Message
from gateway.sms.ports import ReportStatus, SendOutcome, SendResult
from gateway.sms.services import apply_kept_reports, store_result
from tests.support.world import ACTOR, World

pytestmark = [pytest.mark.django_db, pytest.mark.money_path]


def test_report_kept_while_its_id_was_being_stored_is_applied_by_the_sweep(world: World) -> None:
    world.sell()
    Message.objects.update(state=MessageState.SENDING, sent_at=world.now)
    message = Message.objects.get()
    result = SendResult(SendOutcome.ACCEPTED, provider_message_id="ATXid_1")
    store_result(message_id=message.pk, provider="africastalking", result=result, actor=ACTOR, now=world.now)
    DeliveryReport.objects.create(
        provider="africastalking",
        provider_message_id="ATXid_1",
        status=ReportStatus.DELIVERED,
        phone_e164=message.to_e164,
        received_at=world.now,
    )
    assert apply_kept_reports(now=world.now) == 1
    assert Message.objects.get().state == MessageState.DELIVERED
    assert apply_kept_reports(now=world.now) == 0
