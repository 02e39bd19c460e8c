"""The acts that two persons decide, by the names that stand in `Approval.kind`. One more goes into
`gateway.desk.acts.table` too.
"""

from enum import StrEnum


class Kind(StrEnum):
    TARIFF_PUBLISH = "tariff.publish"
    PAYMENT_ASSIGN = "payment.assign"
    PAYMENT_MOVE = "payment.move"
    SALE_CANCEL = "sale.cancel"
    PAYMENT_REFUND = "payment.refund"
    WALLET_REFUND = "wallet.refund"
    PAYMENT_DECLINE = "payment.decline"
    PAYMENT_RELEASE = "payment.release"


LABELS = {
    Kind.TARIFF_PUBLISH: "publish a tariff",
    Kind.PAYMENT_ASSIGN: "give a payment its meter",
    Kind.PAYMENT_MOVE: "move a payment to another meter",
    Kind.SALE_CANCEL: "cancel a held sale",
    Kind.PAYMENT_REFUND: "give a payment back",
    Kind.WALLET_REFUND: "give part of a wallet back",
    Kind.PAYMENT_DECLINE: "decline a claim of money",
    Kind.PAYMENT_RELEASE: "release a stopped payment",
}
