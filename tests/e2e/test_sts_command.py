"""`manage.py sts` as a program and a person meet it: the real process, in an empty environment, in production mode."""

import json
import os
import re
import select
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.ea07_tables import needs_operational_tables, operational_tables
from tests.support.environment import ROOT
from tests.support.sts_vectors import all_vectors
from tests.vectors.verdicts import is_as_published, line_of
from vending.sts.sta_tables import SAMPLE_TABLES, StaTables

pytestmark = pytest.mark.slow

MANAGE = [sys.executable, str(ROOT / "manage.py")]
STS = [*MANAGE, "sts"]
SECONDS = 60

VENDING_KEY = "abababababababab949494949494949401234567"
DECODER_KEY = "929bd3a415c9420a05ec5ee9f3ce91c3"
TOKEN = "58625789986991357486"
METER = ("--meter", "600727000000000009", "--sgc", "201457", "--krn", "1", "--ti", "1", "--base", "14")

GOOD = b'{"id": "good", "algorithm": "LUHN", "inputs": {"body": "1234567890"}}'
ANSWER = {"id": "good", "result": "3"}


def run(
    *command: str, octets: bytes = b"", environment: Mapping[str, str], folder: Path = ROOT
) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        command, input=octets, cwd=folder, env=environment, capture_output=True, timeout=SECONDS, check=False
    )


def answers_to(lines: list[bytes], **environment: str) -> list[dict[str, Any]]:
    """One process for all lines, and an answer for each."""
    done = run(*STS, octets=b"".join(line + b"\n" for line in lines), environment=environment)
    assert (done.returncode, done.stderr) == (0, b"")
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(answers) == len(lines)
    return answers


def tables_file(folder: Path, tables: StaTables) -> Path:
    path = folder / "tables.json"
    path.write_text(json.dumps({"sub1": tables.first, "sub2": tables.second, "perm": tables.permutation}))
    return path


def case(algorithm: str, **inputs: object) -> bytes:
    return json.dumps({"id": 1, "algorithm": algorithm, "inputs": inputs}).encode()


def credit(**inputs: object) -> bytes:
    token = {"class": 0, "subclass": 0, "tid": 1, "rnd": 1, "units": 1, "ea": 11, "key": {"dk": DECODER_KEY}}
    return case("token", **token | inputs)


def decoding(token: object) -> bytes:
    return case("token_decode", token=token, ea=11, key={"dk": DECODER_KEY})


BAD: dict[str, tuple[bytes, str]] = {
    "empty line": (b"", "line_unreadable"),
    "spaces": (b"   ", "line_unreadable"),
    "no JSON": (b"token", "line_unreadable"),
    "no object": (b"[1]", "line_unreadable"),
    "no UTF-8": (b'{"id": "\xff"}', "line_unreadable"),
    "zero octet": (b"\0" + GOOD, "line_unreadable"),
    "1 MB": (b'{"id": "' + b"x" * (1 << 20) + b'"}', "line_too_long"),
    "1 MB of a number": (b"9" * (1 << 20), "line_too_long"),
    "nested without end": (b"[" * 60_000, "line_unreadable"),
    "NaN": (b'{"id": 1, "algorithm": "LUHN", "inputs": {"body": NaN}}', "line_unreadable"),
    "a name twice": (b'{"id": 1, "algorithm": "LUHN", "inputs": {"body": "1", "body": "2"}}', "line_unreadable"),
    "huge number": (credit(tid=1).replace(b'"tid": 1', b'"tid": ' + b"9" * 5000), "field_out_of_range"),
    "unknown algorithm": (case("AES"), "algorithm_unknown"),
    "nothing given": (case("token"), "input_missing"),
    "no token": (decoding(""), "token_malformed"),
    "19 digits": (decoding(TOKEN[1:]), "token_malformed"),
    "21 digits": (decoding(TOKEN + "0"), "token_malformed"),
    "letters": (decoding("x" * 20), "token_malformed"),
    "2^66": (decoding(str(1 << 66)), "token_malformed"),
    "20 nines": (decoding("9" * 20), "token_malformed"),
    "another token": (decoding("00000000000000000001"), "token_crc_wrong"),
    "short key": (credit(key={"dk": "00"}), "decoder_key_malformed"),
    "long key": (credit(key={"dk": "00" * 17}), "decoder_key_malformed"),
    "no hexadecimal key": (credit(key={"dk": "g" * 32}), "input_malformed"),
    "TID of 25 bits": (credit(tid=1 << 24), "field_out_of_range"),
    "TID below 0": (credit(tid=-1), "field_out_of_range"),
    "RND of 5 bits": (credit(rnd=16), "field_out_of_range"),
    "too many units": (credit(units=18_201_625), "amount_out_of_range"),
    "class 3": (credit(**{"class": 3}), "unsupported_token"),
    "EA 10": (credit(ea=10), "unsupported_algorithm"),
    "beyond KEN": (credit(tid=1 << 20, ken=15), "key_expired"),
}


@pytest.fixture
def files(tmp_path: Path) -> Path:
    (tmp_path / "vending_key").write_text(VENDING_KEY + "\n")
    (tmp_path / "decoder_key").write_text(DECODER_KEY.upper())
    return tmp_path


def person(folder: Path, *arguments: str, octets: bytes = b"") -> tuple[int, str, str]:
    """Exit status, standard output and standard error of a command without a terminal."""
    settings = {"TOKENI_DATA_DIR": str(folder / "data")}
    done = run(*STS, *arguments, octets=octets, environment=settings, folder=folder)
    said = done.stdout.decode() + done.stderr.decode()
    assert "Traceback" not in said
    assert not re.search(VENDING_KEY[:16], said, re.IGNORECASE)
    assert not re.search(DECODER_KEY, said, re.IGNORECASE)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def test_every_published_vector_is_answered_in_an_empty_environment() -> None:
    vectors = all_vectors()
    answers = answers_to([line_of(vector) for vector in vectors])
    passed = [vector.id for vector, answer in zip(vectors, answers, strict=True) if is_as_published(vector, answer)]

    assert [answer["id"] for answer in answers] == [vector.id for vector in vectors]
    assert len(passed) == 160


@needs_operational_tables
def test_every_published_vector_passes_with_the_operational_tables(tmp_path: Path) -> None:
    vectors = all_vectors()
    path = tables_file(tmp_path, operational_tables() or SAMPLE_TABLES)
    answers = answers_to([line_of(vector) for vector in vectors], STS_EA07_TABLES=str(path))

    assert [v.id for v, answer in zip(vectors, answers, strict=True) if not is_as_published(v, answer)] == []


def test_bad_lines_are_refused_in_order_and_never_stop_the_stream(tmp_path: Path) -> None:
    lines = [line for bad, _ in BAD.values() for line in (bad, GOOD)]
    answers = answers_to(lines, TOKENI_DATA_DIR=str(tmp_path))

    assert answers[1::2] == [ANSWER] * len(BAD)
    assert {name: answer["error"]["code"] for name, answer in zip(BAD, answers[::2], strict=True)} == {
        name: code for name, (_, code) in BAD.items()
    }
    assert DECODER_KEY not in json.dumps(answers)


@pytest.mark.parametrize(("octets", "count"), [(b"", 0), (GOOD, 1), (GOOD + b"\r\n" + GOOD, 2), (b"\n\n", 2)])
def test_end_of_input_ends_it_well_with_or_without_a_line_feed(octets: bytes, count: int, tmp_path: Path) -> None:
    done = run(*STS, octets=octets, environment={"TOKENI_DATA_DIR": str(tmp_path)})

    assert (done.returncode, done.stderr, done.stdout.count(b"\n")) == (0, b"", count)


@contextmanager
def streaming(folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    environment = {"TOKENI_DATA_DIR": str(folder)}
    pipe = subprocess.PIPE
    with subprocess.Popen(STS, stdin=pipe, stdout=pipe, stderr=pipe, env=environment, bufsize=0) as process:
        try:
            yield process
        finally:
            process.kill()


def test_each_answer_comes_before_the_next_line_is_written(tmp_path: Path) -> None:
    with streaming(tmp_path) as process:
        assert process.stdin
        assert process.stdout
        for number in range(3):
            process.stdin.write(case("LUHN", body=str(number)) + b"\n")
            assert select.select([process.stdout], [], [], SECONDS)[0]
            assert "result" in json.loads(os.read(process.stdout.fileno(), 4096))
        process.stdin.close()

        assert process.wait(SECONDS) == 0


def test_reader_that_goes_away_ends_it_quietly(tmp_path: Path) -> None:
    with streaming(tmp_path) as process:
        assert process.stdin
        assert process.stdout
        assert process.stderr
        process.stdout.close()
        process.stdin.write(GOOD + b"\n")

        assert process.wait(SECONDS) == 0
        assert process.stderr.read() == b""


def test_full_disk_is_said_in_one_line() -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            STS, input=GOOD, stdout=full, stderr=subprocess.PIPE, env={}, timeout=SECONDS, check=False
        )

    assert done.returncode == 1
    assert done.stderr == b"CommandError: standard input or output failed: No space left on device\n"


@pytest.mark.parametrize("text", ["no JSON", json.dumps({"sub1": [], "sub2": [], "perm": []})])
def test_bad_tables_are_an_error_of_ea07_lines_alone(text: str, tmp_path: Path) -> None:
    (tmp_path / "bad").write_text(text)
    under_ea07 = credit(ea=7, key={"dk": "0123456789abcdef"})
    answers = answers_to([under_ea07, GOOD], STS_EA07_TABLES=str(tmp_path / "bad"), TOKENI_DATA_DIR=str(tmp_path))

    assert answers[0]["error"]["code"] == "ea07_tables_refused"
    assert answers[1] == ANSWER


def test_person_encodes_credit_with_a_vending_key(files: Path) -> None:
    token = ("credit", "--amount", "0.1", "--at", "2014-03-01T13:00", "--rnd", "5")
    key = ("--vending-key-file", "vending_key", "--dkga", "4", *METER)

    assert person(files, "encode", *token, *key) == (
        0,
        "token: 5862 5789 9869 9135 7486\n"
        "  class     0, credit\n"
        "  subclass  0, electricity, in units\n"
        "  TID       85740 = 2014-03-01 13:00 UTC\n"
        "  amount    0.1 kWh\n"
        "  rnd       5\n"
        "  field     1\n",
        "",
    )
    assert person(files, "encode", *token, *key, "--json") == (0, f'{{"result": "{TOKEN}"}}\n', "")


def test_person_gives_the_key_by_a_pipe(files: Path) -> None:
    digits = ("5862", "5789-9869", "91357486")

    by_pipe = person(files, "decode", *digits, octets=DECODER_KEY.encode() + b"\n")
    by_file = person(files, "decode", *digits, "--decoder-key-file", "decoder_key")

    assert by_pipe == by_file
    assert by_pipe[0] == 0
    assert "  amount    0.1 kWh\n" in by_pipe[1]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("currency", "--amount=-1", "--of", "gas", "--tid", "5"), "amount    -0.99994 of the currency's base unit"),
        (("management", "power-limit", "--watts", "1000", "--tid", "5"), "limit     1000 W"),
        (("management", "phase-unbalance-limit", "--watts", "20", "--tid", "5"), "limit     20 W"),
        (("management", "clear-credit", "--register", "all", "--tid", "5"), "field     65535"),
        (("management", "clear-credit", "--register", "4", "--tid", "5"), "field     4"),
        (("management", "clear-tamper", "--tid", "5"), "subclass  5, ClearTamperCondition"),
        (("management", "tariff-rate", "--field", "7", "--tid", "5"), "subclass  2, SetTariffRate"),
        (("management", "water-factor", "--field", "7", "--tid", "5"), "subclass  7, SetWaterMeterFactor"),
        (("management", "extended", "--index", "63", "--value", "3", "--tid", "5"), "field     64515"),
        (("credit", "--amount", "1", "--of", "water", "--base", "14"), "amount    1 m3"),
    ],
    ids=lambda value: "-".join(value[:2]) if isinstance(value, tuple) else "",
)
def test_person_encodes_every_kind_of_token(arguments: tuple[str, ...], said: str, files: Path) -> None:
    status, out, errors = person(files, "encode", *arguments, "--decoder-key-file", "decoder_key")

    assert (status, errors) == (0, "")
    assert f"  {said}\n" in out
    assert re.match(r"token: [0-9]{4}( [0-9]{4}){4}\n", out)


def test_person_encodes_a_test_in_both_forms_without_a_key(files: Path) -> None:
    status, out, _ = person(files, "encode", "meter-test", "--test", "11")
    _, one, _ = person(files, "encode", "meter-test", "--test", "11", "--mfr", "0042")
    _, flags, _ = person(files, "encode", "meter-test", "--read", "flags", "--json")

    assert (status, out.count("token: "), out.count("= test 11\n")) == (0, 2, 2)
    assert (one.count("token: "), "mfr       42\n" in one) == (1, True)
    assert flags == '{"result": "03440750115445279822"}\n'


def test_person_decodes_a_test_without_a_key(files: Path) -> None:
    assert person(files, "decode", "0344 0750 1154 4527 9822")[:2] == (
        0,
        "  class     1, test or display\n"
        "  subclass  2, read (STS 202-5)\n"
        "  control   FC0000000 (hexadecimal)\n"
        "  mfr       0\n",
    )


def test_person_encodes_a_key_change_without_seeing_the_key(files: Path) -> None:
    key = ("--vending-key-file", "vending_key", "--dkga", "4", *METER)
    status, out, _ = person(files, "encode", "key-change", *key, "--to-ti", "2", "--to-ken", "255")
    _, rollover, _ = person(files, "encode", "key-change", *key, "--to-base", "35", "--to-krn", "6", "--to-ken", "255")

    published = next(vector.expected for vector in all_vectors() if vector.id == "cs11-CTSA05-1")
    assert status == 0
    assert [line[7:].replace(" ", "") for line in out.splitlines() if line.startswith("token")] == published
    assert ("  ro        0\n" in out, "  ro        1\n" in rollover) == (True, True)
    assert "key_part" not in out


def test_person_is_told_what_is_not_to_be_believed(files: Path) -> None:
    (files / "short").write_text("ab" * 8)
    token = ("encode", "credit", "--amount", "1", "--tid", "5", "--vending-key-file", "short", *METER)

    _, sample, _ = person(files, *token, "--dkga", "2", "--ea", "7")
    _, unverified, _ = person(files, *token, "--dkga", "2", "--ea", "9")
    _, as_json, _ = person(files, *token, "--dkga", "1", "--ea", "7", "--json")

    assert sample.splitlines()[-1] == "NOTE: EA07 under the standard's SAMPLE tables: no real meter takes it."
    assert unverified.splitlines()[-1].startswith("NOTE: unverified: no public vector covers")
    assert {name: value for name, value in json.loads(as_json).items() if name != "result"} == {
        "unverified": True,
        "ea07_tables": "sample",
    }


@pytest.mark.parametrize(
    ("arguments", "octets", "code"),
    [
        (("decode", TOKEN[1:]), b"", "token_malformed"),
        (("decode", TOKEN), b"00" * 16, "token_crc_wrong"),
        (("decode", TOKEN), b"", "decoder_key_malformed"),
        (("decode", TOKEN), VENDING_KEY.encode(), "decoder_key_malformed"),
        (("decode", TOKEN, "--decoder-key-file", "nowhere"), b"", "input_malformed"),
        (("decode", TOKEN, "--decoder-key-file", VENDING_KEY), b"", "input_malformed"),
        (("decode", TOKEN, "--dkga", "4"), VENDING_KEY.encode(), "input_missing"),
        (("encode", "credit", "--amount", "x", "--tid", "1"), DECODER_KEY.encode(), "input_malformed"),
        (("encode", "credit", "--amount", "1"), DECODER_KEY.encode(), "input_missing"),
        (("encode", "credit", "--amount", "1", "--tid", "99999999"), DECODER_KEY.encode(), "field_out_of_range"),
        (("encode", "credit", "--amount", "1", "--dkga", "2", "--meter", "1"), b"ab" * 8, "meter_number_invalid"),
        (("encode", "credit", "--amount", "1", "--dkga", "2"), b"aa" * 8, "vending_key_parity_wrong"),
        (("encode", "meter-test", "--test", "19"), b"", "field_out_of_range"),
        (("encode", "meter-test", "--test", "1", "--mfr", "123"), b"", "meter_number_invalid"),
    ],
)
def test_person_is_refused_in_one_line_with_a_code(
    arguments: tuple[str, ...], octets: bytes, code: str, files: Path
) -> None:
    status, out, errors = person(files, *arguments, octets=octets)

    assert (status, out) == (1, "")
    assert errors.startswith(f"CommandError: {code}: ")
    assert errors.count("\n") == 1


@pytest.mark.parametrize("option", ["--vending-key", "--decoder-key", "--vending-k"])
def test_key_on_the_command_line_is_refused(option: str, files: Path) -> None:
    done = run(*STS, "decode", TOKEN, option, "secret", environment={"TOKENI_DATA_DIR": str(files / "data")})

    assert done.returncode == 2
    assert b"Traceback" not in done.stderr


def test_tables_are_installed_by_command_and_bad_ones_refused(tmp_path: Path) -> None:
    environment = {"TOKENI_DATA_DIR": str(tmp_path / "data"), "TOKENI_MODE": "test"}
    shown = run(*MANAGE, "sts_tables", "show", environment=environment)
    refused = run(*MANAGE, "sts_tables", "install", str(tables_file(tmp_path, SAMPLE_TABLES)), environment=environment)

    assert (shown.returncode, SAMPLE_TABLES.sha256 in shown.stdout.decode()) == (0, True)
    assert (refused.returncode, refused.stderr.count(b"\n")) == (1, 1)
    assert refused.stderr.startswith(b"CommandError: ea07_tables_refused: ")
    assert not (tmp_path / "data" / "ea07_tables.json").exists()


@needs_operational_tables
def test_installed_tables_serve_the_stream(tmp_path: Path) -> None:
    environment = {"TOKENI_DATA_DIR": str(tmp_path / "data"), "TOKENI_MODE": "test"}
    path = tables_file(tmp_path, operational_tables() or SAMPLE_TABLES)
    vector = next(vector for vector in all_vectors() if vector.id == "cs07-CTSA01-4")
    assert run(*MANAGE, "migrate", environment=environment).returncode == 0

    installed = run(*MANAGE, "sts_tables", "install", str(path), environment=environment)
    (answer,) = answers_to([line_of(vector)], **environment)

    assert (installed.returncode, installed.stderr) == (0, b"")
    assert is_as_published(vector, answer)
