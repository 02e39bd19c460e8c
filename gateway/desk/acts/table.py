"""What is done for each kind: the one place where a new kind is added, beside its name."""

from collections.abc import Mapping

from gateway.desk.acts.assigning import Assign
from gateway.desk.acts.base import DeskAct
from gateway.desk.acts.cancelling import Cancel
from gateway.desk.acts.doubting import Decline, Release
from gateway.desk.acts.moving import Move
from gateway.desk.acts.pricing import Publish
from gateway.desk.acts.refunding import RefundPayment, RefundWallet
from gateway.desk.kinds import Kind

ACTS: Mapping[str, DeskAct] = {
    Kind.TARIFF_PUBLISH: Publish(),
    Kind.PAYMENT_ASSIGN: Assign(),
    Kind.PAYMENT_MOVE: Move(),
    Kind.SALE_CANCEL: Cancel(),
    Kind.PAYMENT_REFUND: RefundPayment(),
    Kind.WALLET_REFUND: RefundWallet(),
    Kind.PAYMENT_DECLINE: Decline(),
    Kind.PAYMENT_RELEASE: Release(),
}
