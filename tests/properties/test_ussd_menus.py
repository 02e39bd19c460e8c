"""Whatever is typed, at whatever screen: a valid step, a screen that fits, and no purchase but the quoted one."""

import json

from hypothesis import example, given
from hypothesis import strategies as st

from gateway.sms.encoding import BASIC, septets
from gateway.ussd.menus import QuoteFacts, ResendCodes, ScreenName, StartPurchase, Step, advance, start
from gateway.ussd.texts import render
from tests.support.fake_ussd_facts import (
    AMINA,
    BEING_MADE,
    BLOCKED,
    JUMA,
    NOT_PAID,
    OLDER,
    OLDEST,
    READY,
    SHOP,
    FakeFacts,
)

METERS = (AMINA, JUMA, SHOP, BLOCKED)
MINOR = st.integers(0, 10**9)
FACTS = st.builds(
    FakeFacts,
    own=st.lists(st.sampled_from(METERS), unique=True, max_size=4).map(tuple) | st.just(METERS * 4),
    fleet=st.lists(st.sampled_from(METERS), unique=True).map(tuple),
    codes=st.dictionaries(
        st.integers(1, 4),
        st.lists(st.sampled_from([READY, OLDER, OLDEST, BEING_MADE, NOT_PAID]), unique=True, max_size=3).map(tuple),
    ),
    presets=st.tuples(*[st.integers(1, 600000)] * 3),
    quote=st.builds(
        QuoteFacts,
        energy_kwh_tenths=st.integers(1, 10**7),
        vat_minor=MINOR,
        fee_minor=MINOR,
        kept_minor=MINOR,
        wallet_minor=MINOR,
        refusal=st.sampled_from(["", "cannot_sell"]),
    ),
    brand=st.text(max_size=40),
    help_line=st.text(max_size=40),
    kept=MINOR,
)
NUMBERS = ["200", "1,000", "5", "999999999", "37000123457", "37000109324", "37000123475", "37000999997", "123"]
INPUTS = st.one_of(
    st.sampled_from(["1", "2", "3", "4", "5", "6", "9", "0", "00"]),
    st.sampled_from(NUMBERS),
    st.sampled_from(["", "*", "#", "**", "1*1", "abc", "\U0001f600", "\u0661", "-1", "1" * 10_000, "\x00", "\ud800"]),
    st.text(max_size=50),
)
END_TEMPLATES = {
    "meter_blocked", "cannot_sell", "help", "pay", "stopped", "no_codes", "codes_sent", "no_meter", "too_many_tries",
}  # fmt: skip


def check_step(step: Step) -> None:
    text = render(step.template, step.values)
    assert text
    assert set(text) <= BASIC
    assert septets(text) <= 182
    assert json.loads(json.dumps(dict(step.answers))) == step.answers
    assert all(isinstance(value, str | int) for value in step.answers.values())
    if step.is_end:
        assert step.template in END_TEMPLATES
        assert step.answers == {}
    else:
        assert step.screen in set(ScreenName)
        assert step.effect is None
        assert 0 <= int(step.answers.get("wrong", 0)) <= 2


def check_effect(before: Step, step: Step, facts: FakeFacts) -> None:
    if isinstance(step.effect, StartPurchase):
        assert before.template == "quote"
        assert before.values["amount_minor"] == step.effect.amount_minor == step.values["amount_minor"]
        meter = next(meter for meter in METERS if meter.meter_id == step.effect.meter_id)
        assert before.values["drn"] == step.values["drn"] == meter.drn
        assert meter.can_buy
        assert facts.get_quote(meter.meter_id, step.effect.amount_minor).refusal == ""
    if isinstance(step.effect, ResendCodes):
        ready = {code.vend_id for meter in facts.own for code in facts.codes.get(meter.meter_id, ()) if code.digits}
        assert step.effect.vend_ids
        assert set(step.effect.vend_ids) <= ready


@given(FACTS, st.lists(INPUTS, max_size=14))
@example(FakeFacts(), ["1", "4", "200", "1"])
def test_any_inputs_give_valid_steps_and_only_quoted_purchases(facts: FakeFacts, inputs: list[str]) -> None:
    step = start(facts)
    check_step(step)
    for typed in inputs:
        before, step = step, advance(step.screen, step.answers, typed, facts)
        check_step(step)
        check_effect(before, step, facts)
        if step.is_end:
            assert advance(step.screen, step.answers, typed, facts).effect is None
            break


@given(FACTS, st.lists(INPUTS, max_size=10), st.sampled_from(["#", "", "\U0001f600", "x" * 10_000]))
def test_three_wrong_inputs_end_any_session(facts: FakeFacts, inputs: list[str], wrong: str) -> None:
    step = start(facts)
    for typed in inputs:
        following = advance(step.screen, step.answers, typed, facts)
        if following.is_end:
            break
        step = following
    hops = 0
    while not step.is_end:
        step = advance(step.screen, step.answers, wrong, facts)
        hops += 1
    assert hops <= 3
    assert (step.template, step.effect) == ("too_many_tries", None)


STORED = st.dictionaries(
    st.sampled_from(
        ["meter", "drn", "amount", "shown", "page", "task", "why", "typed", "note", "limit", "row", "vend", "wrong"]
    ),
    st.one_of(
        st.integers(-(10**6), 10**6), st.sampled_from(["37000123457", "1,2,3", "too_little", "length", "codes", ""])
    ),
)


@given(FACTS, st.sampled_from(ScreenName) | st.text(max_size=10), STORED, INPUTS)
def test_any_stored_answers_give_a_valid_step(
    facts: FakeFacts, screen: str, answers: dict[str, str | int], typed: str
) -> None:
    step = advance(screen, answers, typed, facts)
    assert septets(render(step.template, step.values)) <= 182


@given(FACTS, FACTS, st.lists(INPUTS, max_size=8))
def test_world_that_changes_between_hops_gives_valid_steps(
    facts: FakeFacts, changed: FakeFacts, inputs: list[str]
) -> None:
    step = start(facts)
    for place, typed in enumerate(inputs):
        before, step = step, advance(step.screen, step.answers, typed, changed if place % 2 else facts)
        check_step(step)
        if isinstance(step.effect, StartPurchase):
            assert before.values["amount_minor"] == step.effect.amount_minor
        if step.is_end:
            break
