"""What a customer's text asks for, as people write it."""

import pytest

from gateway.inbox.keywords import CODE_WORDS, Request, read_request


@pytest.mark.parametrize("word", sorted(CODE_WORDS))
def test_read_request_code_words_in_any_case(word: str) -> None:
    for text in (word, word.lower(), word.title(), f"  {word}\r\n", f"'{word}'!", f"\u00bf{word}?", f"{word}."):
        assert read_request(text) == Request(wants_code=True)


def test_read_request_words_of_the_region() -> None:
    assert {"CODE", "TOKEN", "KODI", "CODIGO"} <= CODE_WORDS


@pytest.mark.parametrize("text", ["C\u00d3DIGO", "c\u00f3digo", "C\u00f4digo"])
def test_read_request_accents_are_no_matter(text: str) -> None:
    assert read_request(text) == Request(wants_code=True)


@pytest.mark.parametrize(
    "text",
    [
        "CODE 37000123457",
        "code37000123457",
        "Token: 3700-0123-457",
        "kodi\t3700 0123 457 please",
        "CODE\nmeter 37000123457",
        "'CODE' <37000123457>",
    ],
)
def test_read_request_digits_behind_the_word_are_the_meter(text: str) -> None:
    assert read_request(text) == Request(wants_code=True, meter_digits="37000123457")


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "37000123457",
        "1 CODE",
        "please CODE",
        "CODEX",
        "C O D E",
        "STOP",
        "METER 37000123457",
        "\u0661\u0662",
        "\x00",
        "\U0001f600",
        "x" * 199 + " CODE",
    ],
)
def test_read_request_anything_else_asks_for_no_code(text: str) -> None:
    assert read_request(text) == Request(wants_code=False)


def test_read_request_reads_a_limited_length_and_ascii_digits_only() -> None:
    assert read_request("CODE " + "1" * 1000).meter_digits == "1" * 195
    assert read_request("CODE \u0663\u0667").meter_digits == ""
