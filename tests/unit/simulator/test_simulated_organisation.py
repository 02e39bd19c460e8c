"""The merchant's API operator, its pull list and its portal: what is asked, what comes later, what the account says."""

import base64
import csv
import io
import json
import ssl
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
import requests
from Crypto.Cipher import PKCS1_v1_5
from Crypto.PublicKey import RSA

from gateway.simulator.desk import DeskError
from gateway.simulator.money_book import NAIROBI
from gateway.simulator.portal import COLUMNS
from tests.support.running_simulator import Running, simulating, wait_for
from tests.support.stub_product import ENVIRONMENT, StubProduct, bearer

PHONE, DRN = "+254712000001", "37000000010"
NAME, PASSWORD = "stub-initiator", "stub-initiator-password"


@pytest.fixture
def running(stub: StubProduct, monkeypatch: pytest.MonkeyPatch) -> Iterator[Running]:
    monkeypatch.setitem(ENVIRONMENT, "MPESA_INITIATOR_NAME", NAME)
    monkeypatch.setitem(ENVIRONMENT, "MPESA_INITIATOR_PASSWORD", PASSWORD)
    with simulating(stub) as running:
        yield running


def ask(running: Running, path: str, request: dict[str, Any]) -> requests.Response:
    return requests.post(f"{running.url}{path}", json=request, headers=bearer(running.url), timeout=5)


def sealed(running: Running, password: str = PASSWORD) -> str:
    certificate = RSA.import_key(running.desk.download("portal/certificate.pem"))
    return base64.b64encode(PKCS1_v1_5.new(certificate).encrypt(password.encode())).decode()


def order(running: Running, **changes: str) -> dict[str, Any]:
    base_url = running.stub.stk_url.removesuffix("stk/")
    usual = {"Initiator": NAME, "SecurityCredential": sealed(running), "Remarks": "OK", "Occasion": ""}
    usual |= {"ResultURL": f"{base_url}result/", "QueueTimeOutURL": f"{base_url}timeout/"}
    return usual | changes


def reversal_of(running: Running, receipt: str, amount: str = "100", **changes: str) -> dict[str, Any]:
    facts = {"CommandID": "TransactionReversal", "TransactionID": receipt, "Amount": amount}
    return order(running, **facts | {"ReceiverParty": "400200", "RecieverIdentifierType": "11"} | changes)


def status_of(running: Running, receipt: str, **changes: str) -> dict[str, Any]:
    facts = {"CommandID": "TransactionStatusQuery", "TransactionID": receipt, "PartyA": "400200"}
    return order(running, **facts | {"IdentifierType": "4"} | changes)


def result_of(running: Running, path: str, request: dict[str, Any], door: str = "result") -> dict[str, Any]:
    """What is posted after the request was taken; matched by the conversation."""
    answer = ask(running, path, request)
    assert answer.status_code == 200, answer.text
    told = wait_for(lambda: [body for body in running.stub.bodies(door) if answer.json()["ConversationID"] in body])[0]
    result: dict[str, Any] = json.loads(told)["Result"]
    return result


def parameters(result: dict[str, Any]) -> dict[str, Any]:
    return {item["Key"]: item.get("Value") for item in result["ResultParameters"]["ResultParameter"]}


def paid(running: Running, amount: str = "100") -> str:
    outcome = running.desk.act("phone/pay_bill", phone=PHONE, account=DRN, amount=amount, pin="1234")
    return str(outcome["receipt"])


def test_certificate_is_one_that_others_can_read(running: Running) -> None:
    pem = running.desk.download("portal/certificate.pem")

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=pem)
    assert len(context.get_ca_certs()) == 1
    assert RSA.import_key(pem).size_in_bits() == 2048


# Reversals


def test_reversal_gives_all_back_once(running: Running) -> None:
    receipt = paid(running)

    done = result_of(running, "/mpesa/reversal/v1/request", reversal_of(running, receipt))
    again = result_of(running, "/mpesa/reversal/v1/request", reversal_of(running, receipt))

    facts = parameters(done)
    assert (done["ResultCode"], facts["OriginalTransactionID"], facts["Amount"]) == (0, receipt, 100.0)
    assert (again["ResultCode"], "ResultParameters" in again) == ("R000001", False)
    (reversal,) = running.desk.view("portal/moved")["reversals"]
    assert (reversal["receipt"], reversal["by"]) == (done["TransactionID"], "merchant")
    assert running.world.phones.get(PHONE).balance_minor == 1_000_000
    assert running.world.money.book.balance_minor == 0


@pytest.mark.parametrize(
    ("receipt", "amount", "code"), [("NONE000000", "100", "R000002"), ("", "99", 2028), ("", "101", 2028)]
)
def test_reversal_of_another_payment_or_of_a_part_moves_nothing(
    running: Running, receipt: str, amount: str, code: object
) -> None:
    request = reversal_of(running, receipt or paid(running), amount)

    assert result_of(running, "/mpesa/reversal/v1/request", request)["ResultCode"] == code
    assert running.desk.view("portal/moved")["reversals"] == []


@pytest.mark.parametrize("changes", [{"Initiator": "another"}, {"SecurityCredential": "bm90IHNlYWxlZA=="}])
def test_unknown_initiator_is_told_so_later(running: Running, changes: dict[str, str]) -> None:
    request = reversal_of(running, paid(running), **changes)

    assert result_of(running, "/mpesa/reversal/v1/request", request)["ResultCode"] == 2001
    assert running.desk.view("portal/moved")["reversals"] == []


def test_password_under_the_certificate_must_be_the_initiators(running: Running) -> None:
    request = reversal_of(running, paid(running), SecurityCredential=sealed(running, "another"))

    assert result_of(running, "/mpesa/reversal/v1/request", request)["ResultCode"] == 2001


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"CommandID": "Reverse"}, "CommandID"),
        ({"RecieverIdentifierType": "4"}, "RecieverIdentifierType"),
        ({"ReceiverParty": "600000"}, "ReceiverParty"),
        ({"Amount": "1.5"}, "Amount"),
        ({"ResultURL": "nowhere"}, "ResultURL"),
        ({"QueueTimeOutURL": ""}, "QueueTimeOutURL"),
        ({"Remarks": ""}, "Remarks"),
    ],
)
def test_reversal_bad_field_is_refused_at_once(running: Running, changes: dict[str, str], field: str) -> None:
    answer = ask(running, "/mpesa/reversal/v1/request", reversal_of(running, "ABC0000000", **changes))

    assert (answer.status_code, answer.json()["errorMessage"]) == (400, f"Bad Request - Invalid {field}")


# Status and balance


def test_status_says_what_was_paid_whatever_was_told(running: Running) -> None:
    running.world.faults.change({"wrong_amount_percent": 100})
    receipt = paid(running)

    facts = parameters(result_of(running, "/mpesa/transactionstatus/v1/query", status_of(running, receipt)))

    assert (facts["TransactionStatus"], facts["Amount"], facts["ReceiptNo"]) == ("Completed", "100", receipt)
    assert json.loads(running.stub.bodies("confirmation")[0])["TransAmount"] == "10000.00"


def test_status_of_what_was_never_paid_has_no_parameters(running: Running) -> None:
    result = result_of(running, "/mpesa/transactionstatus/v1/query", status_of(running, "NONE000000"))

    assert (result["ResultCode"], "ResultParameters" in result) == (2032, False)


def test_answer_that_times_out_is_told_at_the_other_address(running: Running) -> None:
    running.world.faults.change({"results_timed_out_percent": 100})
    request = status_of(running, paid(running))

    told = result_of(running, "/mpesa/transactionstatus/v1/query", request, door="timeout")

    assert (told["ResultCode"], running.stub.bodies("result")) == (1037, [])


def test_balance_is_what_the_account_holds(running: Running) -> None:
    paid(running, "250")
    request = order(running, CommandID="AccountBalance", PartyA="400200", IdentifierType="4")

    facts = parameters(result_of(running, "/mpesa/accountbalance/v1/query", request))

    assert "Utility Account|KES|250.00|250.00|0.00|0.00" in facts["AccountBalance"].split("&")


# Pull


def pull(running: Running, offset: int = 0, **changes: str) -> requests.Response:
    now = datetime.now(NAIROBI)
    period = {"StartDate": f"{now - timedelta(hours=1):%Y-%m-%d %H:%M:%S}"}
    period |= {"EndDate": f"{now + timedelta(hours=1):%Y-%m-%d %H:%M:%S}"}
    request = {"ShortCode": "400200", "OffSetValue": str(offset)} | period | changes
    return ask(running, "/pulltransactions/v1/query", request)


def register_pull(running: Running, **changes: str) -> requests.Response:
    usual = {"ShortCode": "400200", "RequestType": "Pull", "NominatedNumber": "0722000000"}
    request = usual | {"CallBackURL": running.stub.stk_url} | changes
    return ask(running, "/pulltransactions/v1/register", request)


def test_pull_before_it_is_registered_is_refused(running: Running) -> None:
    assert pull(running).status_code == 400


def test_pull_is_registered_once(running: Running) -> None:
    statuses = [register_pull(running).json()["ResponseStatus"] for _ in range(2)]

    assert statuses == ["1000", "1001"]


@pytest.mark.parametrize(
    "changes",
    [{"ShortCode": "600000"}, {"RequestType": "Push"}, {"NominatedNumber": "12"}, {"CallBackURL": "x"}],
)
def test_pull_bad_registration_is_refused(running: Running, changes: dict[str, str]) -> None:
    assert register_pull(running, **changes).status_code == 400


@pytest.mark.parametrize("changes", [{"ShortCode": "1"}, {"StartDate": "today"}, {"OffSetValue": "-1"}])
def test_pull_bad_field_is_refused(running: Running, changes: dict[str, str]) -> None:
    register_pull(running)

    assert pull(running, 0, **changes).status_code == 400


def test_pull_gives_pages_by_row_and_then_nothing(running: Running) -> None:
    running.world.faults.change({"pull_page_rows": 2, "payments_untold_percent": 100})
    register_pull(running)
    receipts = [paid(running) for _ in range(3)]

    pages = [pull(running, offset).json() for offset in (0, 2, 4)]

    assert [row["transactionId"] for page in pages[:2] for row in page["Response"][0]] == receipts
    assert (pages[2]["ResponseCode"], pages[2]["Response"]) == ("1001", "[[]]")
    assert pages[0]["Response"][0][0]["billreference"] == DRN
    assert running.stub.bodies("confirmation") == []


def test_pull_holds_neither_reversals_nor_what_is_older_than_two_days(running: Running) -> None:
    register_pull(running)
    old, reversed_ = paid(running), paid(running)
    running.desk.act("portal/reverse", receipt=reversed_)
    book = running.world.money.book
    age = datetime.now(NAIROBI) - timedelta(hours=49)
    book._receipts[old] = replace_paid_at(book._receipts[old], age)

    listed = pull(running, StartDate="2020-01-01 00:00:00").json()["Response"][0]

    assert [row["transactionId"] for row in listed] == [reversed_]


def replace_paid_at(receipt: Any, moment: datetime) -> Any:
    return type(receipt)(**{**vars(receipt), "paid_at": moment.strftime("%Y%m%d%H%M%S")})


# The portal


def statement(running: Running, **period: str) -> tuple[list[list[str]], list[dict[str, str]]]:
    """The block above the columns, and the lines."""
    content = running.desk.view("portal/statement", **period)["content"]
    rows = list(csv.reader(io.StringIO(content)))
    start = rows.index(list(COLUMNS))
    return rows[:start], [dict(zip(COLUMNS, row, strict=True)) for row in rows[start + 1 :]]


def test_statement_has_every_line_of_the_account_newest_first(running: Running) -> None:
    first, second = paid(running, "1200"), paid(running, "50")
    reversal = running.desk.act("portal/reverse", receipt=first)

    head, lines = statement(running)

    assert [line["Receipt No."] for line in lines] == [reversal["receipt"], second, first]
    assert [line["Paid In"] for line in lines] == ["", "50.00", "1200.00"]
    assert [line["Withdrawn"] for line in lines] == ["-1200.00", "", ""]
    assert [line["Balance"] for line in lines] == ["50.00", "1250.00", "1200.00"]
    assert [line["Linked Transaction ID"] for line in lines] == [first, "", ""]
    assert [line["A/C No."] for line in lines] == ["", DRN, DRN]
    assert {line["Transaction Status"] for line in lines} == {"Completed"}
    assert lines[2]["Other Party Info"] == "2547******001 - ASHA"
    facts = {row[0]: row[1] for row in head if row}
    assert facts["Short Code:"] == "400200"
    assert (facts["Opening Balance:"], facts["Closing Balance:"]) == ("0.00", "50.00")
    assert (facts["Total Paid In:"], facts["Total Withdrawn:"]) == ("1250.00", "-1200.00")


def test_statement_of_a_period_holds_that_period(running: Running) -> None:
    paid(running)
    earlier = (datetime.now(NAIROBI) - timedelta(hours=2)).isoformat()
    until = (datetime.now(NAIROBI) - timedelta(hours=1)).isoformat()

    _, lines = statement(running, **{"from": earlier, "to": until})

    assert lines == []


def test_statement_is_a_file_too_and_holds_no_whole_number(running: Running) -> None:
    receipt = paid(running)

    answer = requests.get(f"{running.url}/portal/statement.csv", timeout=5)

    assert answer.headers["Content-Type"].startswith("text/csv")
    assert receipt in answer.text
    assert PHONE.removeprefix("+") not in answer.text


def test_statement_bad_moment_is_refused(running: Running) -> None:
    with pytest.raises(DeskError, match="from is no moment"):
        statement(running, **{"from": "yesterday"})


def test_portal_reversal_is_told_only_when_asked_to(running: Running) -> None:
    silent, told = paid(running), paid(running)

    running.desk.act("portal/reverse", receipt=silent)
    running.desk.act("portal/reverse", receipt=told, notify="yes")

    (body,) = wait_for(lambda: running.stub.bodies("result"))
    result = json.loads(body)["Result"]
    assert parameters(result)["OriginalTransactionID"] == told
    assert {reversal["by"] for reversal in running.desk.view("portal/moved")["reversals"]} == {"portal"}


def test_portal_reversal_of_what_went_back_before_is_refused(running: Running) -> None:
    receipt = paid(running)
    running.desk.act("portal/reverse", receipt=receipt)

    with pytest.raises(DeskError, match="already been reversed"):
        running.desk.act("portal/reverse", receipt=receipt)
    with pytest.raises(DeskError, match="invalid"):
        running.desk.act("portal/reverse", receipt="NONE000000")


def test_judge_knows_who_paid_what_for_whom_and_what_was_told(running: Running) -> None:
    running.world.faults.change({"wrong_amount_percent": 100, "wrong_amount_factor": 10})
    receipt = paid(running)

    (payment,) = running.desk.view("portal/moved")["payments"]

    assert (payment["receipt"], payment["phone"], payment["account"]) == (receipt, PHONE, DRN)
    assert (payment["amount"], payment["told_amount"], payment["is_told"]) == (100, 1000, True)


def test_top_up_adds_to_a_wallet(running: Running) -> None:
    assert running.desk.act("phone/top_up", phone=PHONE, amount="500") == {"balance_minor": 1_050_000}
    with pytest.raises(DeskError, match="whole number"):
        running.desk.act("phone/top_up", phone=PHONE, amount="-5")
