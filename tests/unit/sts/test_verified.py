"""Which algorithms published answers prove, and which are refused for that reason."""

from typing import Any

import pytest

from vending.sts.errors import UnverifiedAlgorithm
from vending.sts.verified import check_verified, is_verified


def test_algorithms_that_public_vectors_cover_are_verified() -> None:
    for dkga, ea in ((2, 7), (4, 7), (4, 11), (None, 7), (None, 11)):
        for kt in (0, 1, 2, None):
            assert is_verified(dkga=dkga, ea=ea, kt=kt)
            check_verified(dkga=dkga, ea=ea, kt=kt)


@pytest.mark.parametrize(
    ("facts", "field"),
    [
        ({"dkga": 1, "ea": 7, "kt": 2}, "dkga"),
        ({"dkga": 3, "ea": 7, "kt": 2}, "dkga"),
        ({"dkga": 1, "ea": 9, "kt": 3}, "dkga"),
        ({"dkga": 2, "ea": 9, "kt": 2}, "ea"),
        ({"dkga": None, "ea": 9, "kt": None}, "ea"),
        ({"dkga": 4, "ea": 11, "kt": 3}, "kt"),
        ({"dkga": None, "ea": 7, "kt": 3}, "kt"),
        ({"dkga": 5, "ea": 7, "kt": 2}, "dkga"),
        ({"dkga": 4, "ea": None, "kt": 2}, "ea"),
        ({"dkga": [], "ea": 7, "kt": 2}, "dkga"),
        ({"dkga": 4, "ea": 7, "kt": "2"}, "kt"),
    ],
)
def test_algorithms_that_no_public_vector_covers_are_refused(facts: dict[str, Any], field: str) -> None:
    assert not is_verified(**facts)
    with pytest.raises(UnverifiedAlgorithm) as refusal:
        check_verified(**facts)
    assert (refusal.value.code, refusal.value.field) == ("unverified_algorithm", field)
