"""Tasks are named by text, in the schedule and where a worker is woken: each name is a task, in the queue it says."""

import ast
from typing import Any

from django.conf import settings

from gateway.celery import app
from tests.house_rules.tree import product_files, rooms, tree_of


def registered() -> dict[str, str]:
    """Our tasks and the queue of each."""
    app.loader.import_default_modules()
    return {name: task.queue for name, task in app.tasks.items() if name.startswith("gateway.")}


def test_schedule_names_tasks_that_are_registered_in_the_queue_it_says() -> None:
    schedule: dict[str, Any] = settings.CELERY_BEAT_SCHEDULE
    scheduled: dict[str, str] = {entry["task"]: entry["options"]["queue"] for entry in schedule.values()}
    tasks = registered()
    assert scheduled == {name: tasks.get(name) for name in scheduled}
    assert all(entry["options"]["expires"] == entry["schedule"] for entry in schedule.values())


def test_every_room_of_tasks_is_known_to_celery() -> None:
    assert {name.rpartition(".")[0] for name in registered()} == {
        f"gateway.{path.parent.name}.tasks" for path in rooms("tasks.py")
    }


def test_every_task_that_is_woken_or_scheduled_by_name_exists_and_none_is_left_over() -> None:
    written = {
        node.value
        for path in product_files()
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and ".tasks." in node.value
    }
    assert written == set(registered())
