"""`manage.py sts` in this process: its stream, and what a person types and reads."""

import io
import json
import os
import sys
import tracemalloc
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from gateway.management.sts_command.stream import answer_stream, lines_of
from vending.sts.sta_tables import SAMPLE_TABLES, StaTables
from vending.vectors.lines import GREATEST_OCTETS

GOOD = b'{"id": 1, "algorithm": "LUHN", "inputs": {"body": "1"}}'
UNDER_EA07 = json.dumps(
    {"id": 1, "algorithm": "STA", "inputs": {"key": "00" * 8, "block": "00" * 8}}
).encode()  # asks for the tables
DECODER_KEY = "929bd3a415c9420a05ec5ee9f3ce91c3"
VENDING_KEY = "abababababababab949494949494949401234567"
TOKEN = "58625789986991357486"
METER = ("--meter", "00000000000", "--sgc", "201457", "--krn", "1", "--ti", "1", "--base", "14")


@pytest.fixture
def key_file(tmp_path: Path) -> str:
    path = tmp_path / "decoder_key"
    path.write_text(f"  {DECODER_KEY[:16]} {DECODER_KEY[16:]}\n")
    return str(path)


def said_by(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    call_command("sts", *arguments)
    return capsys.readouterr().out


def answers_to(octets: bytes, sta_tables: StaTables | Exception = SAMPLE_TABLES) -> list[dict[str, object]]:
    def tables() -> StaTables:
        if isinstance(sta_tables, Exception):
            raise sta_tables
        return sta_tables

    answers = io.BytesIO()
    answer_stream(io.BytesIO(octets), answers, sta_tables=tables)
    return [json.loads(line) for line in answers.getvalue().splitlines()]


@pytest.mark.parametrize("size", [GREATEST_OCTETS - 1, GREATEST_OCTETS, GREATEST_OCTETS + 1, 5 * GREATEST_OCTETS])
@pytest.mark.parametrize("end", [b"\n", b""])
def test_stream_finds_the_end_of_a_line_of_any_size(size: int, end: bytes) -> None:
    lines = list(lines_of(io.BytesIO(b"x" * size + end + (b"next\n" if end else b""))))

    assert [min(len(line), GREATEST_OCTETS + 1) for line in lines] == [
        min(size, GREATEST_OCTETS + 1),
        *([4] if end else []),
    ]


def test_stream_keeps_nothing_of_a_line_that_is_too_long(tmp_path: Path) -> None:
    (tmp_path / "long").touch()
    os.truncate(tmp_path / "long", 20 << 20)
    with (tmp_path / "long").open("rb") as cases:
        tracemalloc.start()
        try:
            (line,) = lines_of(cases)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()

    assert len(line) == GREATEST_OCTETS + 1
    assert peak < 1 << 20


def test_stream_goes_on_after_a_fault_of_ours_and_does_not_show_it() -> None:
    answers = answers_to(UNDER_EA07 + b"\n" + GOOD + b"\n", RuntimeError("a secret"))

    assert answers == [
        {"id": None, "error": {"code": "line_failed", "message": "a fault of this program; please report it"}},
        {"id": 1, "result": "8"},
    ]


def test_command_without_words_answers_standard_input(
    monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(GOOD + b"\n")))

    call_command("sts")

    assert capsysbinary.readouterr().out == b'{"id": 1, "result": "8"}\n'


def test_command_without_standard_input_does_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", None)

    assert said_by(capsys) == ""
    with pytest.raises(CommandError, match="decoder_key_malformed"):
        call_command("sts", "decode", TOKEN)


def test_key_is_asked_for_at_a_terminal_and_not_shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = []

    def answer(question: str) -> str:
        asked.append(question)
        return f" {DECODER_KEY} "

    monkeypatch.setattr(sys, "stdin", io.StringIO())
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True)
    monkeypatch.setattr("getpass.getpass", answer)

    assert "amount    0.1 kWh" in said_by(capsys, "decode", TOKEN, "--base", "14")
    assert asked == ["Decoder key of the meter (hexadecimal, not shown): "]


def test_interrupt_ends_it_without_a_word(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr("gateway.management.commands.sts.key_from", interrupted)

    with pytest.raises(SystemExit) as ended:
        call_command("sts", "decode", TOKEN)
    assert ended.value.code == 130


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("credit", "--amount", "1.5", "--of", "time", "--rnd", "3", "--tid", "5"), "amount    1.5 minutes"),
        (("credit", "--amount", "1"), "amount    1 kWh"),
        (("currency", "--amount=-1", "--of", "gas", "--tid", "5"), "subclass  6, gas, in currency"),
        (("management", "power-limit", "--watts", "1000", "--tid", "5"), "limit     1000 W"),
        (("management", "clear-credit", "--register", "all", "--tid", "5"), "field     65535"),
        (("management", "clear-credit", "--register", "7", "--tid", "5"), "field     7"),
        (("management", "clear-tamper", "--tid", "5"), "field     0"),
        (("management", "extended", "--index", "63", "--value", "3", "--tid", "5"), "field     64515"),
    ],
    ids=lambda value: "-".join(value[:2]) if isinstance(value, tuple) else "",
)
def test_encode_shows_what_a_meter_will_read(
    arguments: tuple[str, ...], line: str, key_file: str, capsys: pytest.CaptureFixture[str]
) -> None:
    key = ("--decoder-key-file", key_file, "--base", "14")
    out = said_by(capsys, "encode", *arguments, *key)

    assert f"  {line}\n" in out
    (digits,) = (line for line in out.splitlines() if line.startswith("token: "))
    assert said_by(capsys, "decode", digits[7:], *key) in out
    assert json.loads(said_by(capsys, "decode", digits[7:], *key, "--json"))["result"]["class"] in (0, 2)


@pytest.mark.parametrize(
    ("arguments", "count"),
    [
        (("--test", "0"), 2),
        (("--test", "3", "--mfr", "07"), 1),
        (("--test", "3", "--mfr", "0700"), 1),
        (("--read", "controls"), 1),
        (("--read", "flags", "--mfr", "07"), 1),
    ],
)
def test_encode_makes_tests_for_the_forms_that_a_meter_may_have(
    arguments: tuple[str, ...], count: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert said_by(capsys, "encode", "meter-test", *arguments).count("token: ") == count


def test_encode_changes_from_one_decoder_key_to_another(
    key_file: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "new").write_text("00" * 16)
    present = ("--decoder-key-file", key_file, "--sgc", "201457", "--krn", "1", "--ti", "1", "--base", "14")
    change = ("--to-ken", "255", "--to-krn", "2", "--to-decoder-key-file", str(tmp_path / "new"))

    out = said_by(capsys, "encode", "key-change", *present, *change)

    assert out.count("token: ") == 4
    assert "key_part" not in out


def test_encode_changes_to_another_vending_key(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "present").write_text(VENDING_KEY)
    (tmp_path / "new").write_text(VENDING_KEY[::-1])
    key = ("--vending-key-file", str(tmp_path / "present"), "--dkga", "4", *METER, "--to-ken", "255")

    same = said_by(capsys, "encode", "key-change", *key, "--json")
    other = said_by(capsys, "encode", "key-change", *key, "--to-vending-key-file", str(tmp_path / "new"), "--json")

    assert [len(json.loads(out)["result"]) for out in (same, other)] == [4, 4]
    assert json.loads(same)["result"] != json.loads(other)["result"]


def test_remarks_say_what_is_not_to_be_believed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "key").write_text("ab" * 8)
    token = ("encode", "credit", "--amount", "1", "--tid", "5", "--vending-key-file", str(tmp_path / "key"))

    out = said_by(capsys, *token, "--dkga", "1", "--ea", "7", *METER)

    assert [line for line in out.splitlines() if line.startswith("NOTE")] == [
        "NOTE: unverified: no public vector covers this DKGA, EA or KT. It is refused for sales.",
        "NOTE: EA07 under the standard's SAMPLE tables: no real meter takes it.",
    ]


@pytest.mark.parametrize(
    ("key", "dkga", "code"),
    [("aa" * 8, "2", "vending_key_parity_wrong"), ("xy", "2", "input_malformed"), (VENDING_KEY, "9", "unsupported")],
)
def test_wrong_vending_key_is_refused_without_showing_it(
    key: str, dkga: str, code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(key + "\n"))

    with pytest.raises(CommandError, match=code) as refused:
        call_command("sts", "encode", "credit", "--amount", "1", "--tid", "5", "--dkga", dkga, "--ea", "7", *METER)

    assert key not in str(refused.value)


@pytest.mark.parametrize(
    "arguments",
    [
        ("decode", TOKEN, "--decoder-key", DECODER_KEY),
        ("decode", TOKEN, "--vending-key", VENDING_KEY),
        ("encode", "management", "clear-credit", "--register", "8", "--tid", "5"),
        ("encode", "management", "clear-credit", "--register", "x", "--tid", "5"),
        ("encode", "management", "power-limit", "--tid", "5"),
        ("encode",),
    ],
)
def test_words_that_make_no_command_are_refused_without_showing_a_key(arguments: tuple[str, ...]) -> None:
    with pytest.raises(CommandError) as refused:
        call_command("sts", *arguments)

    assert not {DECODER_KEY, VENDING_KEY} & set(str(refused.value).split())
