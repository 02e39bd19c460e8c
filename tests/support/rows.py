"""Every row of some tables as plain values, so that a test can say: nothing was written, or only this."""

from typing import Any

from django.db.models import Model

Rows = dict[str, list[dict[str, Any]]]


def rows_of(*models: type[Model]) -> Rows:
    """The rows of each table in order of id. Two calls are equal if nothing happened in between."""
    return {model.__name__: list(model._default_manager.order_by("pk").values()) for model in models}
