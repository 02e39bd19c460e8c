"""The one way of refusing."""

from vending.kernel.errors import DomainError


class MeterOnFire(DomainError):
    code = "meter_on_fire"
    retryable = True


def test_error_with_a_message_shows_it_and_names_the_field() -> None:
    error = MeterOnFire("meter 3 burns", field="meter")
    assert (str(error), error.field, error.code, error.retryable) == ("meter 3 burns", "meter", "meter_on_fire", True)


def test_error_without_a_message_shows_its_code() -> None:
    assert (str(MeterOnFire()), MeterOnFire().field) == ("meter_on_fire", "")


def test_error_is_not_retryable_unless_it_says_so() -> None:
    assert (str(DomainError()), DomainError.retryable) == ("domain_error", False)
