"""Verify before send, token by token: what counts as a lie, what only as a module or key that is away."""

from collections.abc import Sequence

import pytest

from tests.support.fake_security_module import FakeSecurityModule
from tests.support.security_modules import made_of
from tests.support.tampering import drop_triggers
from tests.support.world import World
from vending.kernel.errors import DomainError
from vending.keys import errors as key_errors
from vending.keys.services import open_vending_key
from vending.security import errors as module_errors
from vending.security.ports import (
    CreditRequest,
    DecodedToken,
    SecurityModule,
    SecurityModuleUnavailable,
    VerifyRequest,
)
from vending.security.software import SoftwareSecurityModule
from vending.sta_tables import errors as table_errors
from vending.sts import errors as sts_errors
from vending.sts.errors import TokenCrcWrong, TokenMalformed, UnsupportedToken, VendingKeyExpired
from vending.sts.key_change import Section2
from vending.sts.management import Management
from vending.tokens.errors import VerifyFailed
from vending.tokens.models import Token
from vending.tokens.verifying import key_facts_of, verify_tokens

pytestmark = [pytest.mark.django_db, pytest.mark.money_path]

KENS = {("201457", 1, 2): 255}
LIES = {TokenMalformed: "digits", TokenCrcWrong: "crc", UnsupportedToken: "subclass", VendingKeyExpired: "tid"}
ALL_REFUSALS = sorted(
    {
        refusal
        for module in (sts_errors, key_errors, module_errors, table_errors)
        for refusal in vars(module).values()
        if isinstance(refusal, type) and issubclass(refusal, DomainError)
    },
    key=lambda refusal: refusal.__name__,
)


class Answering(FakeSecurityModule):
    """Reads in every token what it was told to read."""

    answers: Sequence[DecodedToken | DomainError] = ()

    def verify(self, requests: Sequence[VerifyRequest]) -> list[DecodedToken | DomainError]:
        return list(self.answers)


def reading(*answers: DecodedToken | DomainError) -> Answering:
    module = Answering(KENS)
    module.answers = answers
    return module


@pytest.fixture
def token(world: World) -> Token:
    world.sell()
    return Token.objects.get()


def change(token: Token, **fields: object) -> None:
    """As somebody who owns the database could."""
    drop_triggers("vending_token")
    Token.objects.filter(pk=token.pk).update(**fields)


def verdict(token: Token, module: SecurityModule) -> DomainError | None:
    verdicts = verify_tokens([token.pk], module)
    assert list(verdicts) == [token.pk]
    return verdicts[token.pk]


def test_token_that_reads_as_it_was_ordered_is_right(world: World, token: Token) -> None:
    assert verdict(token, world.module) is None


def test_no_tokens_need_no_module() -> None:
    assert verify_tokens([], FakeSecurityModule({}, is_unavailable=True)) == {}


@pytest.mark.parametrize("refusal", ALL_REFUSALS, ids=lambda refusal: str(refusal.code))
def test_refusal_is_a_lie_only_if_it_is_about_the_token(token: Token, refusal: type[DomainError]) -> None:
    answer = refusal("why")

    found = verdict(token, reading(answer))

    if refusal in LIES:
        assert isinstance(found, VerifyFailed)
        assert (str(found), found.field) == (f"token {token.pk}: {LIES[refusal]}", LIES[refusal])
    else:
        assert found is answer


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"amount_field": 82}, "amount_field"),
        ({"tid": 6_000_000}, "tid"),
        ({"rnd": 6}, "rnd"),
        ({"subclass": 1}, "subclass"),
        ({"subclass": 4}, "subclass"),
        ({"rnd": 6, "tid": 6_000_000, "amount_field": 82}, "tid, amount_field, rnd"),
        ({"ti": 2}, "crc"),
        ({"digits": ""}, "digits"),
        ({"digits": "00000000000150997584"}, "token_class, tid, amount_field, rnd"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_difference_names_the_fields_and_no_value(
    world: World, token: Token, fields: dict[str, object], named: str
) -> None:
    change(token, **fields)

    found = verdict(token, world.module)

    assert isinstance(found, VerifyFailed)
    assert (str(found), found.field) == (f"token {token.pk}: {named}", named.split(",", maxsplit=1)[0])


def test_facts_of_the_meter_come_from_the_database(world: World, token: Token) -> None:
    change(token, meter=world.other_meter)

    assert str(verdict(token, world.module)) == f"token {token.pk}: crc"


@pytest.mark.parametrize("answer", [Management(0, 1, 5, 0), Section2(0, 1, 0)])
def test_token_of_another_class_is_a_lie(token: Token, answer: DecodedToken) -> None:
    found = verdict(token, reading(answer))

    assert isinstance(found, VerifyFailed)
    assert found.field == "token_class"


def test_credit_in_money_is_compared_without_random_bits(world: World, token: Token) -> None:
    module = FakeSecurityModule(KENS)
    request = CreditRequest("sale-1", key_facts_of(token, world.meter), 4, token.tid, rnd=0, amount_field=0xF1234)
    (digits,) = made_of(module.credit([request])).digits
    change(token, subclass=4, amount_field=0xF1234, rnd=5, digits=digits)

    assert verdict(token, module) is None
    change(token, amount_field=0xF1235)
    assert str(verdict(token, module)) == f"token {token.pk}: amount_field"


def test_fields_that_the_module_does_not_tell_are_not_compared(world: World, token: Token) -> None:
    class Reticent(SoftwareSecurityModule):
        unread_fields = frozenset({"rnd"})

    module = Reticent(open_vending_key=open_vending_key)
    change(token, rnd=6)

    assert verdict(token, module) is None
    change(token, tid=6_000_000)
    assert str(verdict(token, module)) == f"token {token.pk}: tid"


@pytest.mark.parametrize("answers", [(), (TokenCrcWrong(),) * 2])
def test_another_number_of_answers_says_nothing_of_any_token(token: Token, answers: Sequence[DomainError]) -> None:
    with pytest.raises(SecurityModuleUnavailable):
        verify_tokens([token.pk], reading(*answers))


def test_several_tokens_are_each_answered_for_themselves(world: World, token: Token) -> None:
    world.sell(account=world.other_meter.drn)
    second = Token.objects.exclude(pk=token.pk).get()
    change(token, rnd=6)

    verdicts = verify_tokens([second.pk, token.pk], world.module)

    assert isinstance(verdicts[token.pk], VerifyFailed)
    assert verdicts[second.pk] is None
