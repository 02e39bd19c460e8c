"""`docs/reference/sts-compliance.md` says what the code does today."""

import pytest

from tests.support.ea07_tables import operational_tables
from tests.support.sts_vectors import all_vectors
from tests.vectors.compliance import DOCUMENT, GAPS, Gap, document, results_in
from tests.vectors.verdicts import needs_tables, verdict_on


def test_compliance_document_is_what_its_generator_makes() -> None:
    text = DOCUMENT.read_text(encoding="ascii")
    verdicts: dict[str, str] = {vector.id: verdict_on(vector) for vector in all_vectors()}
    if operational_tables() is None:  # then what the document says of EA 07 can only be read, not made
        under_ea07 = {vector.id for vector in all_vectors() if needs_tables(vector)}
        verdicts |= {name: result for name, result in results_in(text).items() if name in under_ea07}
    assert set(verdicts.values()) <= {"passed", "skipped"}
    assert text == document(verdicts)


@pytest.mark.parametrize("gap", GAPS, ids=lambda gap: gap.what)
def test_gap_in_the_document_is_covered_by_no_vector(gap: Gap) -> None:
    assert [vector.id for vector in all_vectors() if gap.is_covered_by(vector)] == []
