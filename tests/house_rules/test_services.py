"""The rooms of a slice hold what is theirs: who writes says who acts, `locks.py` locks, the edge has the clock."""

import ast
from pathlib import Path

from tests.house_rules.tree import APPS, Function, calls, files, functions, product_files, rooms, short, tree_of

READING_NAMES = ("get_", "find_", "list_", "check_", "can_", "is_", "has_")
# Services that take no actor, by the reason why.
WITHOUT_ACTOR: dict[str, set[str]] = {
    "the flow and its sweeps: the system itself acts and signs with the name of the slice": {
        "fleet/audit.seal_entries",
        "gateway/fulfilment.allocate",
        "gateway/fulfilment.fulfil",
        "gateway/fulfilment.issue_and_settle",
        "gateway/fulfilment.resume",
        "gateway/inquiries.ask_statuses",
        "gateway/inquiries.lose_inquiries",
        "gateway/inquiries.query_prompts",
        "gateway/payments.give_up_purchases",
        "gateway/ussd.close_silent_sessions",
        "gateway/payments.postpone_payment",
        "gateway/payments.push_one",
        "gateway/refunds.ask_one",
        "gateway/sms.apply_kept_reports",
        "gateway/sms.expire_messages",
        "gateway/sms.recover_unanswered",
        "gateway/sms.send_one",
        "vending/vends.resume_vends",
    },
    "part of an act that its caller audits, in the caller's transaction": {
        "vending/ledger.post",
        "vending/tokens.grant_authorities",
        "vending/tokens.prepare_tokens",
        "vending/tokens.store_digits",
    },
    "a vendor's callback: the journal keeps who said what": {
        "gateway/ussd.close_session",
        "gateway/webhooks.accept_answer",
        "gateway/webhooks.accept_hop",
        "gateway/webhooks.accept_list",
        "gateway/webhooks.accept_payment",
        "gateway/webhooks.accept_report",
        "gateway/webhooks.accept_session_event",
        "gateway/webhooks.accept_text",
        "gateway/webhooks.journal",
        "gateway/webhooks.unreadable",
    },
    "a hint: only when the next try comes is changed": {"vending/vends.wake_held_vends"},
    "no act: when a key was last used": {"gateway/api.note_use"},
    "writes nothing": {"vending/keys.open_vending_key", "vending/keys.open_vending_key_for_reading"},
}
# Sealing takes the last seal and unsealed entries, which no other act ever locks.
LOCKS_ITS_OWN_CHAIN = {"fleet/audit/services.py"}
CLOCKS = {
    "datetime.now", "datetime.utcnow", "datetime.today", "date.today", "timezone.now", "time.time", "clock.now", "now",
    "datetime.datetime.now", "timezone.localdate", "timezone.localtime",
}  # fmt: skip
RANDOMNESS = ("random.", "secrets.", "uuid.uuid", "os.urandom")
BELOW_THE_EDGE = (
    "services.py",
    "queries.py",
    "locks.py",
    "lifecycle.py",
    "ports.py",
    "models.py",
    "engine.py",
    "errors.py",
)


def public_functions(path: Path) -> list[Function]:
    body = [node for node in tree_of(path).body if isinstance(node, Function)]
    return [function for function in body if not function.name.startswith("_")]


def is_writing(function: Function) -> bool:
    return not function.name.startswith(READING_NAMES) and not function.name.endswith("_of")


def writing_services() -> list[tuple[str, Function]]:
    return [
        (f"{short(path.parent)}.{function.name}", function)
        for path in rooms("services.py")
        for function in public_functions(path)
        if is_writing(function)
    ]


def test_writing_services_take_keywords_only() -> None:
    positional = [name for name, function in writing_services() if function.args.posonlyargs or function.args.args]

    assert positional == []


def test_writing_services_take_an_actor_or_say_why_not() -> None:
    without = {
        name
        for name, function in writing_services()
        if "actor" not in {argument.arg for argument in function.args.kwonlyargs}
    }

    listed = set().union(*WITHOUT_ACTOR.values())
    assert sorted(without - listed) == []
    assert sorted(listed - without) == []


def test_rooms_below_the_edge_read_no_clock_and_draw_no_lots() -> None:
    found = [
        f"{short(path)}:{line} {called}"
        for path in product_files()
        if path.name in BELOW_THE_EDGE or "vending/sts" in short(path)
        for called, line in calls(path)
        if called in CLOCKS or called.startswith(RANDOMNESS)
    ]

    assert found == []


def test_rows_are_locked_in_locks_only() -> None:
    found = [
        f"{short(path)}:{line}"
        for path in product_files()
        if path.name != "locks.py" and short(path) not in LOCKS_ITS_OWN_CHAIN
        for called, line in calls(path)
        if called.endswith(".select_for_update")
    ]

    assert found == []


def test_models_do_not_override_save_or_delete() -> None:
    found = [
        f"{short(path)}:{function.lineno}"
        for path in rooms("models.py")
        for function in functions(path)
        if function.name in {"save", "delete", "clean"}
    ]

    assert found == []


def test_tasks_take_primitives() -> None:
    allowed = {"int", "str", "bool", "list[int]", "list[str]", "int | None", "str | None"}
    found = [
        f"{short(path)}:{function.lineno} {argument.arg}"
        for path in files(*APPS)
        if path.name == "tasks.py"
        for function in public_functions(path)
        if any("task" in ast.unparse(decorator) for decorator in function.decorator_list)
        for argument in [*function.args.args, *function.args.kwonlyargs]
        if argument.annotation is None or ast.unparse(argument.annotation) not in allowed
    ]

    assert found == []
