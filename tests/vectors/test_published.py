"""Every published vector through `vending.vectors`. None is left out; EA 07 needs the licensed tables."""

import pytest

from tests.support.ea07_tables import needs_operational_tables, operational_tables
from tests.support.sts_vectors import Vector, all_vectors
from tests.vectors.verdicts import answer_to, is_as_published, needs_tables
from vending.sts.sta_tables import SAMPLE_TABLES

UNDER_EA07 = [vector for vector in all_vectors() if needs_tables(vector)]
OTHERS = [vector for vector in all_vectors() if vector not in UNDER_EA07]


def test_published_vectors_are_all_there() -> None:
    assert len(all_vectors()) == len({vector.id for vector in all_vectors()}) == 315
    assert (len(UNDER_EA07), len(OTHERS)) == (155, 160)


@pytest.mark.parametrize("vector", OTHERS, ids=lambda vector: vector.id)
def test_published_vector_gives_published_answer(vector: Vector) -> None:
    answer = answer_to(vector, lambda: SAMPLE_TABLES)

    assert is_as_published(vector, answer), answer


@needs_operational_tables
@pytest.mark.parametrize("vector", UNDER_EA07, ids=lambda vector: vector.id)
def test_published_ea07_vector_gives_published_answer(vector: Vector) -> None:
    answer = answer_to(vector, lambda: operational_tables() or SAMPLE_TABLES)

    assert is_as_published(vector, answer), answer


def test_published_ea07_token_under_sample_tables_is_said_to_be_so() -> None:
    tokens = [vector for vector in UNDER_EA07 if vector.algorithm == "token"]
    answers = [answer_to(vector, lambda: SAMPLE_TABLES) for vector in tokens]

    assert len(answers) == 139
    assert {answer["ea07_tables"] for answer in answers} == {"sample"}
    assert not any(answer["result"] == vector.expected for answer, vector in zip(answers, tokens, strict=True))
