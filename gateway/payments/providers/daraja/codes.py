"""What Daraja's codes and words mean for the money. Compared as text: one code comes now as `0`, now as `"0"`.

What stands in no table is unknown, and what is unknown is asked until it is final. Sources: Daraja's pages on M-Pesa
Express, its query, Transaction Status, Reversals and Pull Transactions.
"""

from gateway.payments.ports import Outcome

DONE = "0"

# An STK callback and an STK query speak the same codes.
_PROMPT_RESULTS = {
    DONE: Outcome.PAID,
    "1": Outcome.NOT_PAID,  # too little money
    "2": Outcome.NOT_PAID,  # below the least amount
    "3": Outcome.NOT_PAID,  # above the greatest amount
    "4": Outcome.NOT_PAID,  # over the payer's daily limit
    "8": Outcome.NOT_PAID,  # over the receiving account's limit
    "17": Outcome.NOT_PAID,  # the same amount to the same customer within two minutes
    "1001": Outcome.UNKNOWN,  # the subscriber is busy with another payment: perhaps with this one
    "1019": Outcome.NOT_PAID,  # expired
    "1025": Outcome.NOT_PAID,  # the prompt could not be pushed
    "1032": Outcome.NOT_PAID,  # cancelled by the customer
    "1037": Outcome.NOT_PAID,  # phone not reachable
    "2001": Outcome.NOT_PAID,  # wrong PIN
    "2028": Outcome.NOT_PAID,  # not permitted for this short code
    "8006": Outcome.NOT_PAID,  # the caller's credential is locked
    "SFC_IC0003": Outcome.NOT_PAID,  # no such operator
}

# `TransactionStatus` of a status answer, in lower case.
_STATUS_WORDS = {
    "completed": Outcome.PAID,
    "cancelled": Outcome.NOT_PAID,
    "declined": Outcome.NOT_PAID,
    "expired": Outcome.NOT_PAID,
    "initiated": Outcome.UNKNOWN,
    "authorized": Outcome.UNKNOWN,
    "pending": Outcome.UNKNOWN,
    "authorized/pending": Outcome.UNKNOWN,
}

ALREADY_REVERSED = "R000001"
# Only reversals have these, so they name their question.
REVERSAL_RESULTS = {
    ALREADY_REVERSED: Outcome.PAID,
    "R000002": Outcome.NOT_PAID,  # no such payment
}
# These come to every question, and are about who asked as often as about the money: they refuse a reversal, and say
# nothing of the payment whose status was asked.
ORDER_REFUSALS = frozenset(
    {
        "1",  # too little money on our account
        "11",  # the other account is in a state that takes no money
        "21",  # the initiator may not do this
        "2001",  # the initiator's name or password is wrong
        "2006",  # our account is in a state that gives no money
        "2028",  # not permitted for this short code
        "8006",  # the initiator's credential is locked
    }
)

LIST_FOUND = "1000"
LIST_EMPTY = "1001"
# A registration says the same of what it has already.
PULL_REGISTERED = frozenset({"1000", "1001"})
HOOKS_REGISTERED_BEFORE = "500.003.1001"

BAD_TOKEN = frozenset({"401", "404.001.03", "400.003.01"})
# Refused before anything was done: too many requests, quota used up, and the subscriber is busy with another payment.
TRY_LATER = frozenset({"500.003.02", "500.003.03", "500.001.1001", "http_429"})


def prompt_outcome(result_code: str) -> Outcome:
    return _PROMPT_RESULTS.get(result_code, Outcome.UNKNOWN)


def status_outcome(word: str) -> Outcome:
    return _STATUS_WORDS.get(" ".join(word.lower().split()), Outcome.UNKNOWN)
