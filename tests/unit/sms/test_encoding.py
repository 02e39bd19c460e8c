import json
import random
from pathlib import Path

import gsm0338
import pytest
import smsutil
from hypothesis import given
from hypothesis import strategies as st

from gateway.sms import encoding
from gateway.sms.encoding import count_parts, is_gsm7, septets, split, to_gsm7
from gateway.sms.errors import TextNotGsm7

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "gsm.json").read_text(encoding="utf-8"))
CODEC = gsm0338.Codec()
GSM7_CHARACTERS = sorted(encoding.BASIC | encoding.EXTENSION)
GSM7_TEXTS = st.text(st.sampled_from(GSM7_CHARACTERS), max_size=500)
ANY_TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=300)


def utf16_units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


@pytest.mark.parametrize("vector", VECTORS, ids=[vector["name"] for vector in VECTORS])
def test_encoding_published_vector_agrees(vector: dict[str, object]) -> None:
    text = str(vector["text"])
    assert is_gsm7(text) is (vector["encoding"] == "gsm7")
    units = septets(text) if is_gsm7(text) else utf16_units(text)
    assert units == vector["units"]
    assert count_parts(text) == vector["parts"]
    assert (units <= (182 if is_gsm7(text) else 80)) is vector["ussd_ok"]


def test_alphabet_every_character_of_the_first_plane_agrees_with_gsm0338() -> None:
    # The codec takes the escape for a character; nothing that a person writes may hold it.
    theirs = {chr(code) for code in range(0xD800) if gsm0338_length(chr(code))} - {"\x1b"}
    assert {chr(code) for code in range(0xD800) if is_gsm7(chr(code))} == theirs
    assert all(septets(character) == gsm0338_length(character) for character in theirs)


def gsm0338_length(text: str) -> int:
    try:
        return len(CODEC.encode(text)[0])
    except UnicodeEncodeError:
        return 0


@given(GSM7_TEXTS)
def test_septets_gsm7_text_agrees_with_gsm0338(text: str) -> None:
    assert septets(text) == len(CODEC.encode(text)[0])


@given(st.one_of(GSM7_TEXTS, ANY_TEXTS))
def test_split_any_text_agrees_with_smsutil(text: str) -> None:
    assert split(text) == [part.content for part in smsutil.split(text).parts]


def test_split_long_texts_with_pairs_at_the_boundaries_agree_with_smsutil() -> None:
    choice = random.Random(7)
    for wide, narrow in (("\u20ac", "a"), ("\U0001f600", "\u0142")):
        for _ in range(150):
            text = "".join(choice.choices([wide, narrow], [1, 4], k=choice.randrange(60, 480)))
            assert split(text) == [part.content for part in smsutil.split(text).parts]


@given(st.text(max_size=400))
def test_split_any_text_loses_nothing_and_fits(text: str) -> None:
    parts = split(text)
    assert "".join(parts) == text
    size, single, part_size = (septets, 160, 153) if is_gsm7(text) else (lone_units, 70, 67)
    assert all(size(part) <= (single if len(parts) == 1 else part_size) for part in parts)


def lone_units(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def test_split_escape_pair_at_the_boundary_is_not_cut() -> None:
    assert split("A" * 152 + "\u20ac" + "B" * 10) == ["A" * 152, "\u20ac" + "B" * 10]


def test_split_surrogate_pair_at_the_boundary_is_not_cut() -> None:
    assert [len(part) for part in split("\U0001f600" * 36)] == [33, 3]


def test_split_nothing_is_one_empty_part() -> None:
    assert split("") == [""]


def test_septets_character_outside_the_alphabet_is_refused() -> None:
    with pytest.raises(TextNotGsm7) as caught:
        septets("re\u00e7u")
    assert caught.value.code == "text_not_gsm7"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("TSh\u00a01,234", "TSh 1,234"),
        ("1\u202f234\u202f568\u00a0FCFA", "1 234 568 FCFA"),
        ("\u201cToken\u201d \u2013 it\u2019s\u2026", '"Token" - it\'s...'),
        ("pr\u00eat re\u00e7u n\u00e3o", "pret recu nao"),
        ("e\u0301lectricite\u0301", "\u00e9lectricit\u00e9"),
        ("RE\u00c7U \u00e9\u00e8", "RE\u00c7U \u00e9\u00e8"),
        ("\u0199asa, \u0257an, \u1eb9\u0301k\u1ecd\u0301", "kasa, dan, eko"),
        ("\u0141\u00f3d\u017a \u0153uvre", "Lodz oeuvre"),
        ("\uff11\uff12\u00bd \ufb01", "121/2 fi"),
        ("a\tb\u200bc\ufeff", "a bc"),
        ("\u20ac[]", "\u20ac[]"),
        ("\u12a0\u121b\u122d \U0001f600", "??? ?"),
        ("\x1b\x00", "??"),
        ("\ud800", "?"),
    ],
)
def test_to_gsm7_text_becomes_what_people_read(text: str, expected: str) -> None:
    assert to_gsm7(text) == expected


@given(st.text(max_size=200))
def test_to_gsm7_any_text_fits_and_stays(text: str) -> None:
    cleaned = to_gsm7(text)
    assert is_gsm7(cleaned)
    assert to_gsm7(cleaned) == cleaned
    assert not is_gsm7(text) or cleaned == text
