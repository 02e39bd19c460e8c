"""Every queue has a worker that `docker/entrypoint.sh` starts, and every task says which queue it waits in."""

import ast
import re

from gateway.queues import Queue
from tests.house_rules.tree import ROOT, rooms, short, tree_of


def test_every_queue_has_a_consumer_in_the_entrypoint() -> None:
    script = (ROOT / "docker" / "entrypoint.sh").read_text()
    accepted = re.search(r"^check_queue\(\).*?^    ([a-z_ |]+)\) ;;$", script, re.MULTILINE | re.DOTALL)

    assert accepted
    assert sorted(accepted[1].split(" | ")) == sorted(Queue)


def test_every_task_names_its_queue() -> None:
    without = [
        f"{short(path)}:{function.lineno} {function.name}"
        for path in rooms("tasks.py")
        for function in tree_of(path).body
        if isinstance(function, ast.FunctionDef)
        for decorator in function.decorator_list
        if "task" in ast.unparse(decorator) and "queue=Queue." not in ast.unparse(decorator)
    ]

    assert without == []
