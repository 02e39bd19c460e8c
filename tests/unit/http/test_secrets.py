import pytest

from gateway.http.secrets import is_known_secret

FIRST = "0123456789abcdef0123456789abcdef"
SECOND = "fedcba9876543210fedcba9876543210"


@pytest.mark.parametrize("candidate", [FIRST, SECOND])
def test_is_known_secret_any_accepted_true(candidate: str) -> None:
    assert is_known_secret(candidate, [FIRST, SECOND])


@pytest.mark.parametrize(
    "candidate", ["", FIRST[:-1], FIRST + "0", FIRST.upper(), FIRST + "\n", "\udcff", "\u0660" * 32]
)
def test_is_known_secret_anything_else_false(candidate: str) -> None:
    assert not is_known_secret(candidate, [FIRST, SECOND])


def test_is_known_secret_empty_word_never_true() -> None:
    assert not is_known_secret("", [])
    assert not is_known_secret("", [""])
    assert not is_known_secret(FIRST, [])
