"""The play of `make demo` against a stub: it passes when all is well, and names the step when something is not."""

import json
from typing import Any

import pytest

from gateway.simulator.scenario import Play, StepError, choose_cast
from gateway.simulator.transcript import HumanTranscript, JsonTranscript
from tests.support.running_simulator import Running
from tests.support.stub_product import HOOK_SECRET, demo_facts

STEPS = ["ussd purchase", "pay-bill purchase", "resend by USSD", "resend by SMS", "meter", "books"]


def play(running: Running, books: tuple[int, list[str]] = (0, ["differences: 0"])) -> list[dict[str, Any]]:
    lines: list[str] = []
    Play(running.desk, running.stub.facts, JsonTranscript(lines.append), lambda: books).run()
    return [json.loads(line) for line in lines]


def test_play_shows_every_step_in_the_promised_form(running: Running) -> None:
    lines = play(running)

    assert {tuple(line) for line in lines} == {("step", "kind", "from", "to", "text", "ok")}
    assert {line["kind"] for line in lines} == {"ussd", "http", "sms", "meter"}
    assert list(dict.fromkeys(line["step"] for line in lines)) == STEPS
    assert all(line["ok"] is True for line in lines)


def test_play_loads_what_was_quoted_and_sent(running: Running) -> None:
    lines = play(running)

    said = [line["text"] for line in lines if line["kind"] == "meter" and line["from"].startswith("meter")]
    sent = [line for line in lines if line["kind"] == "sms" and line["from"] == "22384"]
    first_phone = [line["text"].split("\n")[0] for line in sent if line["to"] == "+254712000001"]
    assert said == [
        "ACCEPT 8.1 units, balance 8.1",
        "USED, balance 8.1",
        "REJECT, balance 0.0",
        "ACCEPT 3.8 units, balance 3.8",
    ]
    assert len(first_phone) == 3
    assert len(set(first_phone)) == 1
    assert any("You get 8.1 units" in line["text"] for line in lines if line["kind"] == "ussd")


def test_play_transcript_hides_secrets_and_pins(running: Running) -> None:
    texts: list[str] = []
    Play(running.desk, running.stub.facts, HumanTranscript(texts.append), lambda: (0, ["differences: 0"])).run()

    text = "".join(texts)
    assert "Enter PIN: ****" in text
    assert '"pin"' not in text
    assert HOOK_SECRET not in text
    assert "/hooks/payments/daraja/****/confirmation/" in text
    assert max(len(line) for line in text.split("\n")) <= 160


@pytest.mark.parametrize(
    ("broken", "step", "seen"),
    [
        ("quote", "ussd purchase", "You get 9.9 units"),
        ("resend", "resend by USSD", "other digits than before"),
    ],
)
def test_play_names_the_step_that_fails_and_what_was_seen(running: Running, broken: str, step: str, seen: str) -> None:
    running.stub.broken = broken

    with pytest.raises(StepError, match=seen) as failed:
        play(running)

    assert failed.value.step == step


def test_play_two_codes_for_one_payment_fail(running: Running) -> None:
    running.stub.broken = "twice"

    # The second code is seen as soon as it is looked for: in the next resend, or at the latest when codes are counted.
    with pytest.raises(StepError, match=r"2 different codes on one phone|other digits"):
        play(running)


def test_play_without_the_sms_fails_in_time(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.simulator.scenario.WAIT_SECONDS", 0.3)
    running.stub.broken = "sms"

    with pytest.raises(StepError, match="the SMS with the code did not come") as failed:
        play(running)

    assert failed.value.step == "ussd purchase"


def test_play_callback_not_taken_fails(running: Running) -> None:
    running.stub.forced["confirmation"] = [(500, "broken")]

    with pytest.raises(StepError, match="a callback was answered with \\[500\\]"):
        play(running)


def test_play_dead_product_fails_at_the_first_screen(running: Running) -> None:
    running.stub.forced["ussd"] = [(503, "down")]

    with pytest.raises(StepError, match="no valid screen: HTTP 503") as failed:
        play(running)

    assert failed.value.step == "ussd purchase"


@pytest.mark.parametrize("books", [(1, ["vend 3: no token", "differences: 1"]), (0, []), (1, ["differences: 0"])])
def test_play_books_with_differences_fail_and_are_shown(running: Running, books: tuple[int, list[str]]) -> None:
    with pytest.raises(StepError, match=f"exit {books[0]}: {'; '.join(books[1])}") as failed:
        play(running, books)

    assert failed.value.step == "books"


def test_cast_is_a_phone_with_one_meter_a_long_number_and_a_third_meter() -> None:
    cast = choose_cast(demo_facts())

    assert (cast.ussd_phone, cast.ussd_drn) == ("+254712000001", "37000000010")
    assert (cast.payer, cast.payer_drn) == ("+254712000002", "1370000000022")
    assert cast.other_drn not in (cast.ussd_drn, cast.payer_drn)


def test_cast_of_a_site_too_small_is_refused() -> None:
    facts = demo_facts()
    facts["meters"] = facts["meters"][:2]

    with pytest.raises(StepError, match="too few active meters"):
        choose_cast(facts)


def test_transcript_line_that_failed_is_marked_for_programs_and_people() -> None:
    for_programs: list[str] = []
    for_people: list[str] = []
    for transcript in (JsonTranscript(for_programs.append), HumanTranscript(for_people.append)):
        transcript.line("meter", "http", "demo", "person", "not so", ok=False)

    assert json.loads(for_programs[0])["ok"] is False
    assert for_people == ["\nFAILED at step 'meter': not so\n"]


def test_transcript_for_people_frames_screens_and_messages() -> None:
    texts: list[str] = []
    transcript = HumanTranscript(texts.append)
    transcript.line("s", "ussd", "product", "+254", "END Bye.")
    transcript.line("s", "ussd", "+254", "product", "types 1")

    assert texts[0].split("\n")[1:4] == ["         +----------+", "         | END Bye. |", "         +----------+"]
    assert texts[1] == "   ussd  +254 -> product: types 1\n"
