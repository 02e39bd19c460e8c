"""Why something was not done, in plain words with its code: what an operator's form may be answered with."""

from fleet.approvals.services import LONGEST_REASON
from fleet.cases.services import LONGEST_OUTCOME
from vending.kernel.errors import DomainError

_WORDS = {
    "amount_invalid": "That is no amount of this currency.",
    "approval_by_maker": "Who proposed it cannot decide it.",
    "approval_decided": "It was decided already.",
    "approval_expired": "The time to decide is over. It has to be proposed again.",
    "approval_kind_unknown": "This cannot be done here.",
    "approval_missing": "There is no such proposal.",
    "approval_not_by_maker": "Only who proposed it takes it back.",
    "approval_person_inactive": "Only a person with an active login proposes and decides.",
    "approval_reason_invalid": f"Say why, in 1 to {LONGEST_REASON} characters.",
    "approval_waiting": "The same is proposed already, and waits for a second person.",
    "case_closed": "That case is closed already.",
    "case_missing": "There is no such case.",
    "case_outcome_invalid": f"Say in 1 to {LONGEST_OUTCOME} characters what was found or done.",
    "meter_is_same": "The payment is for this meter already.",
    "meter_missing": "No meter has this number, or its check digit is wrong.",
    "nothing_to_move": "Nothing of this payment is left in the meter's wallet.",
    "payment_currency_other": "That meter's site sells in another currency.",
    "payment_in_doubt": "The payment is stopped, is to be verified, or was taken back by the provider.",
    "payment_meter_missing": "There is no such meter.",
    "payment_missing": "There is no such payment.",
    "payment_not_declinable": "Only paid money in doubt that nobody has booked can be declined.",
    "payment_not_in_suspense": "The payment does not wait for a meter.",
    "payment_not_movable": "Only booked money that has not become a code moves to another meter, and once.",
    "payment_not_refundable": "This money cannot go back: it became a code, is in a sale, or went back before.",
    "payment_not_stopped": "Nothing stops this payment.",
    "refund_in_part": "The provider gives back whole payments only.",
    "refund_missing": "There is no such refund.",
    "refund_not_by_hand": "This refund is not to be paid out by hand.",
    "refund_over_payment": "That is more than the payment, less what went back of it already.",
    "refund_receipt_invalid": "A receipt has 6 to 32 letters and digits.",
    "refund_receipt_taken": "This receipt names other money already.",
    "second_person_needed": "This much is given a meter by two persons only: propose it.",
    "tariff_invalid": "No tariff may say this.",
    "tariff_missing": "No prices hold for this meter now.",
    "tariff_start_taken": "Another tariff starts at this moment.",
    "terms_invalid": "The proposal lacks something.",
    "terms_outdated": "What was proposed is not so any more. Refuse it; it can be proposed again.",
    "vend_missing": "There is no such sale.",
    "vend_not_cancellable": "Only a held sale can be cancelled.",
    "wallet_holds_less": "The meter's wallet does not hold this much.",
    "wallet_too_small": "The meter's wallet does not hold this much any more.",
}


def refusal_words(refusal: DomainError) -> str:
    """A sentence, and the code that the error list explains."""
    said = _WORDS.get(refusal.code, "It cannot be done.")
    return f"{said} Nothing was changed ({refusal.code})."
