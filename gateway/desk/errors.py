"""What can be refused at the desk. What is about one payment, sale, wallet or tariff is refused by its own slice."""

from vending.kernel.errors import DomainError


class TermsInvalid(DomainError):
    """The terms lack a value, or one of them is no such number; `field` names it."""

    code = "terms_invalid"


class TermsOutdated(DomainError):
    """What the maker saw is not so any more. Nothing was done: the act has to be asked for again."""

    code = "terms_outdated"


class KindUnknown(DomainError):
    """An approval of something that is not done at this desk."""

    code = "approval_kind_unknown"


class SecondPersonNeeded(DomainError):
    """This much is not assigned by one person alone."""

    code = "second_person_needed"


class MeterMissing(DomainError):
    """There is no such meter."""

    code = "meter_missing"


class MeterIsSame(DomainError):
    """The payment is for this meter already."""

    code = "meter_is_same"


class PaymentNotStopped(DomainError):
    """Nothing stops this payment, so nobody has to decide about it."""

    code = "payment_not_stopped"


class PaymentNotMovable(DomainError):
    """Only money that was allocated and has not become a token moves to another meter, and once."""

    code = "payment_not_movable"


class NothingToMove(DomainError):
    """Nothing of the payment is left in the meter's wallet."""

    code = "nothing_to_move"


class VendMissing(DomainError):
    """There is no such sale."""

    code = "vend_missing"
