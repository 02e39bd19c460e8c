"""Locks on inquiries. Taken before the payment's: an answer is matched by its conversation first."""

from gateway.inquiries.models import Inquiry


def lock_inquiry(inquiry_id: int) -> Inquiry:
    return Inquiry.objects.select_for_update().get(pk=inquiry_id)


def lock_inquiry_of_conversation(provider: str, conversation_id: str) -> Inquiry | None:
    """The question that a conversation is about. Nothing else names it: an id that only the provider and we have seen
    is what makes an unsigned answer an answer.
    """
    return Inquiry.objects.select_for_update().filter(provider=provider, conversation_id=conversation_id).first()
