"""What gunicorn is told in code: its hooks. Everything else stands on its command line, in `up` and `entrypoint.sh`."""

import os
from typing import Any


def child_exit(server: Any, worker: Any) -> None:  # noqa: ARG001 -- the shape of the hook
    """A worker that is started again does not see a fail-point a second time, like every child of `up`."""
    os.environ.pop("TOKENI_FAILPOINT", None)
