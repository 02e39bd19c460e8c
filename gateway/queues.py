"""The queues: what each is for and who consumes it. A house rule checks that `docker/entrypoint.sh` starts each
consumer.
"""

from enum import StrEnum


class Queue(StrEnum):
    """Names of Celery queues.

    TOKENS: the sale flow and its sweep; its worker alone holds the key-encryption key.
    MESSAGES: SMS out: slow network calls, never in the way of tokens.
    PAYMENTS: payment prompts, provider questions, book-keeping sweeps.
    """

    TOKENS = "tokens"
    MESSAGES = "messages"
    PAYMENTS = "payments"
