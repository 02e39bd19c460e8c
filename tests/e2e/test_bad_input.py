"""What must not be believed, over HTTP: nothing is lost or bought by it, nothing is answered with a stack trace."""

import json
import socket
from collections.abc import Mapping
from urllib.parse import urlsplit

import pytest
import requests

from tests.support.outside_callers import assert_plain, c2b, new_receipt
from tests.support.outside_world import OutsideWorld
from tests.support.product import Product, find_leaks, secrets_of, wait_until

pytestmark = pytest.mark.slow

AMINA, JUMA, WANJIRU, OTIENO, HALIMA, KIPTOO = (f"+25471100010{number}" for number in range(1, 7))
LARGEST_BODY = 64 * 1024
PAYMENT_DOORS = ("payments/daraja/validation", "payments/daraja/confirmation", "payments/daraja/stk")
FORM_DOORS = (
    "ussd/africastalking",
    "ussd/africastalking/events",
    "sms/africastalking/report",
    "sms/africastalking/inbound",
)
DOORS = PAYMENT_DOORS + FORM_DOORS


def journal(product: Product, outcome: str = "") -> int:
    return product.count("SELECT COUNT(*) FROM gateway_callback WHERE ? IN ('', outcome)", outcome)


def payments(product: Product) -> int:
    return product.count("SELECT COUNT(*) FROM gateway_payment WHERE receipt IS NOT NULL")


def tokens(product: Product) -> int:
    return product.count("SELECT COUNT(*) FROM vending_token")


def blocked_meter(product: Product) -> str:
    return next(str(meter["drn"]) for meter in product.facts["meters"] if meter["state"] == "blocked")


def wrong_check_digit(drn: str) -> str:
    return drn[:-1] + str((int(drn[-1]) + 1) % 10)


def paid_state(product: Product, receipt: str) -> str:
    """The state in which a payment rests."""
    select = "SELECT state FROM gateway_payment WHERE receipt = ? AND state <> 'CONFIRMED'"
    return str(wait_until(lambda: product.select(select, receipt), 10, "the payment's end")[0][0])


@pytest.mark.parametrize("door", DOORS)
def test_hook_with_a_wrong_secret_is_not_there_and_keeps_nothing(product: Product, door: str) -> None:
    right, before = product.facts["hook_secret"], (journal(product), payments(product))
    body = c2b(new_receipt(), 100, product.active_meter(AMINA)["drn"], AMINA)

    for wrong in ("0" * 64, right[:-1], right + "0", right.upper(), "%00", "..", " "):
        url = product.caller.url(door).replace(right, wrong)
        assert_plain(product.caller.send("POST", url, json=body), 404)

    assert (journal(product), payments(product)) == before


@pytest.mark.parametrize("door", DOORS)
def test_hook_with_and_without_the_final_slash_answers_alike_and_never_redirects(product: Product, door: str) -> None:
    url = product.caller.url(door)
    with_slash, without = (product.caller.send("POST", address, data=b"{") for address in (url, url.rstrip("/")))

    assert_plain(with_slash, 400)
    assert_plain(without, 400)
    assert with_slash.text == without.text


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH"])
def test_hook_by_another_method_is_refused_and_says_which_is_right(product: Product, method: str) -> None:
    for door in DOORS:
        for url in (product.caller.url(door), product.caller.url(door).rstrip("/")):
            answer = product.caller.send(method, url)
            assert_plain(answer, 405)
            assert answer.headers["Allow"] == "POST"


@pytest.mark.parametrize(
    "path", ["payments/nobody/stk", "sms/nobody/report", "ussd/nobody", "payments/daraja/refund", "payments/daraja"]
)
def test_hook_of_an_unknown_provider_or_door_is_not_there(product: Product, path: str) -> None:
    assert_plain(product.caller.json(path, {}), 404)


@pytest.mark.parametrize("door", DOORS)
def test_body_over_64_kib_is_too_large_and_not_kept(product: Product, door: str) -> None:
    before = journal(product)

    assert_plain(product.caller.send("POST", product.caller.url(door), data=b" " * (LARGEST_BODY + 1)), 413)
    assert_plain(product.caller.send("POST", product.caller.url(door), data=b"x" * 2_000_000), 413)

    assert journal(product) == before


@pytest.mark.money_path
@pytest.mark.parametrize("door", PAYMENT_DOORS)
def test_unreadable_body_is_refused_and_journalled_as_it_came(product: Product, door: str) -> None:
    bodies = [
        b"",
        b"{",
        b"null",
        b"[]",
        b"[" * 60_000,
        b'{"a":' * 10_000,
        b'\xff\xfe{"TransID": 1}',
        b'{"TransAmount": NaN}',
        b'{"Body": {"stkCallback": []}}',
        b"TransID=RKL51ZDR4F&TransAmount=5.00",
        json.dumps(c2b("a b", 5, "x")).encode(),
        json.dumps(c2b(new_receipt(), 5, "x", TransAmount="5.001")).encode(),
        json.dumps(c2b(new_receipt(), 5, "x", TransAmount="-5.00")).encode(),
        json.dumps(c2b(new_receipt(), 5, "x", TransAmount="9" * 60)).encode(),
        json.dumps(c2b(new_receipt(), 5, "x", TransAmount="\u0665")).encode(),
        b" " * LARGEST_BODY,
    ]
    if door == PAYMENT_DOORS[0]:
        bodies.remove(next(body for body in bodies if b"a b" in body))  # a validation's receipt is not looked at
    before = journal(product, "unreadable"), payments(product)

    for body in bodies:
        assert_plain(product.caller.send("POST", product.caller.url(door), data=body), 400)

    assert (journal(product, "unreadable"), payments(product)) == (before[0] + len(bodies), before[1])
    kept = product.select(
        "SELECT body FROM gateway_callback WHERE outcome = 'unreadable' AND door = ?", door.split("/")[2]
    )
    assert set(bodies) <= {bytes(row[0]) for row in kept}


@pytest.mark.money_path
def test_body_that_ends_early_or_hides_its_length_does_no_harm(product: Product) -> None:
    address = urlsplit(product.caller.url(PAYMENT_DOORS[1]))
    before = payments(product)
    for head, body in (
        ("Content-Length: 500", b'{"TransID"'),
        ("Transfer-Encoding: chunked", b'5\r\n{"a":\r\n'),
        ("Transfer-Encoding: chunked", b"zz\r\nnot a chunk"),
        ("Content-Length: -1", b"{}"),
    ):
        lines = (
            f"POST {address.path} HTTP/1.1",
            "Host: x",
            "Connection: close",
            "Content-Type: application/json",
            head,
        )
        with socket.create_connection(("127.0.0.1", address.port or 0), timeout=5) as connection:
            connection.sendall("\r\n".join([*lines, "", ""]).encode() + body)
            connection.shutdown(socket.SHUT_WR)
            answer = b"".join(iter(lambda: connection.recv(4096), b""))
        assert b"Traceback" not in answer
        assert not answer or answer.split()[1] in {b"400", b"408", b"411", b"501"}, answer[:200]
    assert payments(product) == before


@pytest.mark.money_path
def test_confirmation_in_chunks_is_a_payment_like_any_other(product: Product) -> None:
    receipt = new_receipt()
    body = json.dumps(c2b(receipt, 100, product.active_meter(JUMA)["drn"], JUMA)).encode()

    answer = product.caller.send("POST", product.caller.url(PAYMENT_DOORS[1]), data=iter([body[:40], body[40:]]))

    assert_plain(answer, 200)
    assert paid_state(product, receipt) == "ALLOCATED"


def refusal(answer: requests.Response) -> str:
    assert_plain(answer, 200)
    assert answer.json()["ResultDesc"] == "Rejected"
    return str(answer.json()["ResultCode"])


def test_validation_of_an_account_that_cannot_be_sold_to_is_refused_as_an_account(product: Product) -> None:
    drn = product.active_meter(AMINA)["drn"]
    accounts = [
        "",
        "Sample Transaction",
        "37000999995",
        wrong_check_digit(drn),
        blocked_meter(product),
        "0" * 11,
        "9" * 100,
        "'; DROP TABLE fleet_meter; --",
        "\u0663" * 11,
    ]

    assert [refusal(product.caller.validate(100, account)) for account in accounts] == ["C2B00012"] * len(accounts)


def test_validation_of_an_amount_out_of_range_is_refused_as_an_amount(product: Product) -> None:
    drn = product.active_meter(AMINA)["drn"]

    assert [refusal(product.caller.validate(amount, drn)) for amount in (1, 9, 100_001, 10**9)] == ["C2B00013"] * 4


def test_validation_for_a_foreign_short_code_is_refused_as_a_short_code(product: Product) -> None:
    drn = product.active_meter(AMINA)["drn"]

    assert refusal(product.caller.validate(100, drn, BusinessShortCode="600966")) == "C2B00015"


def test_validation_of_a_meter_that_can_be_sold_to_is_accepted_and_makes_no_payment(product: Product) -> None:
    before = payments(product)
    drn = product.active_meter(AMINA)["drn"]

    for account in (drn, f" {drn[:4]} {drn[4:]} ", f"Meter {drn}", drn.replace("0", "O")):
        answer = product.caller.validate(100, account)
        assert answer.json() == {"ResultCode": "0", "ResultDesc": "Accepted"}
    assert payments(product) == before


@pytest.mark.money_path
def test_confirmation_for_a_foreign_short_code_is_kept_and_is_no_payment_of_ours(product: Product) -> None:
    before, receipt = payments(product), new_receipt()
    drn = product.active_meter(AMINA)["drn"]

    assert_plain(product.caller.confirm(receipt, 100, drn, AMINA, BusinessShortCode="600966"), 200)

    assert payments(product) == before
    assert product.select("SELECT outcome FROM gateway_callback WHERE subject = ?", receipt) == [("foreign",)]


@pytest.mark.money_path
def test_confirmation_for_an_account_of_no_meter_is_minded_in_suspense_and_the_payer_told(
    product: Product, world: OutsideWorld
) -> None:
    before, receipt = tokens(product), new_receipt()

    assert_plain(
        product.caller.confirm(receipt, 100, wrong_check_digit(product.active_meter(AMINA)["drn"]), OTIENO), 200
    )

    assert paid_state(product, receipt) == "SUSPENSE"
    assert tokens(product) == before
    lines = product.select(
        "SELECT l.account, l.amount_minor FROM vending_ledgerline l JOIN vending_ledgerentry e ON l.entry_id = e.id"
        " JOIN gateway_payment p ON e.cause LIKE 'payment:' || p.id || ':%' WHERE p.receipt = ? ORDER BY l.id",
        receipt,
    )
    assert lines == [("float:daraja", 10_000), ("suspense", -10_000)]
    (told,) = wait_until(lambda: world.sms_to(OTIENO, containing=receipt), 10, "the notice")
    assert "no such meter" in told.text
    assert told.code == ""


@pytest.mark.money_path
def test_confirmation_for_a_blocked_meter_is_kept_in_its_wallet(product: Product, world: OutsideWorld) -> None:
    before, receipt = tokens(product), new_receipt()

    assert_plain(product.caller.confirm(receipt, 100, blocked_meter(product), KIPTOO), 200)

    assert paid_state(product, receipt) == "ALLOCATED"
    (told,) = wait_until(lambda: world.sms_to(KIPTOO, containing=receipt), 10, "the notice")
    assert "kept for meter" in told.text
    assert tokens(product) == before


@pytest.mark.money_path
def test_receipt_told_again_with_another_amount_buys_no_more(product: Product, world: OutsideWorld) -> None:
    receipt, drn = new_receipt(), product.active_meter(WANJIRU)["drn"]
    assert_plain(product.caller.confirm(receipt, 100, drn, WANJIRU), 200)
    wait_until(lambda: world.sms_to(WANJIRU, containing=receipt), 10, "the code")
    before = tokens(product)

    assert_plain(product.caller.confirm(receipt, 10_000, drn, WANJIRU), 200)
    assert_plain(product.caller.confirm(receipt.lower(), 10_000, drn, WANJIRU), 200)

    outcomes = product.select("SELECT outcome FROM gateway_callback WHERE subject = ? ORDER BY id", receipt)
    assert outcomes == [("accepted",), ("conflict",), ("conflict",)]
    assert product.select("SELECT amount_minor FROM gateway_payment WHERE receipt = ?", receipt) == [(10_000,)]
    assert tokens(product) == before


@pytest.mark.money_path
def test_prompt_result_that_nobody_asked_for_is_kept_and_buys_nothing_without_money(product: Product) -> None:
    ids = {"MerchantRequestID": "1-2-3", "CheckoutRequestID": "ws_CO_of_somebody_else"}
    before = payments(product), tokens(product)

    for code in (1032, "2001", "nonsense"):
        result: Mapping[str, object] = {**ids, "ResultCode": code, "ResultDesc": "no"}
        assert_plain(product.caller.json("payments/daraja/stk", {"Body": {"stkCallback": result}}), 200)

    assert (payments(product), tokens(product)) == before


def test_search_for_leaks_finds_each_kind() -> None:
    code = "".join(f"{number:04d}" for number in range(1234, 1239))
    lines = [
        f"x {code} y",
        " ".join(code[start : start + 4] for start in range(0, 20, 4)),
        "to +254711000101",
        "0711 000 101",
    ]

    for line in (*lines, "phone ..0101", "phone ..00101", "secret=hush"):
        assert find_leaks(line, ["hush"], [AMINA]) != [], line
    assert find_leaks("meter 37000123457, phone ..101, ATXid_0123456789abcdef0123456789abcdef", ["hush"], [AMINA]) == []


@pytest.mark.money_path
def test_books_and_log_after_all_this_are_clean(product: Product, world: OutsideWorld) -> None:
    assert product.books() == "differences: 0"
    assert find_leaks(product.log(), secrets_of(product, world), product.facts["phones"]) == []
    assert "Traceback" not in product.log()
    assert world.refusals == []
