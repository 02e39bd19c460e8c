"""Every text is what was queued, for the same phone; one that carries a code carries the digits of its sale."""

from collections.abc import Iterator

from gateway.books.rows import batches, list_details
from gateway.sms import services as sms
from gateway.sms.models import Message

_WITH_CODE = ("token", "resend")


def find_wrong_messages() -> Iterator[str]:
    """Every text is what was queued, for the same phone; one that carries a code carries the digits of its sale."""
    for messages in batches(Message.objects.select_related("vend__authority__token")):
        queued = list_details("message.queued", "text_sha256", [f"message:{message.pk}" for message in messages])
        for message in messages:
            if queued.get(f"message:{message.pk}") != sms.fingerprint_of(message):
                yield f"message:{message.pk}: its text or phone is not what was queued"
            if message.kind in _WITH_CODE and not _carries_its_code(message):
                yield f"message:{message.pk}: the code in it is not that of its sale"


def _carries_its_code(message: Message) -> bool:
    token = getattr(message.vend.authority, "token", None) if message.vend else None
    first_line = message.body.partition("\n")[0]
    return token is not None and token.digits != "" and first_line.replace(" ", "") == token.digits
