"""What gunicorn is told in code: its hooks. Everything else stands on its command line, in `up` and `entrypoint.sh`."""

import os
from typing import Any

from gunicorn.glogging import Logger  # type: ignore[import-untyped]

from gateway.http.redaction import RedactingFilter

# No proxy in front of us is to say where we are mounted; by default gunicorn takes these names from any local peer.
forwarder_headers = ""


class RedactingLogger(Logger):  # type: ignore[misc]
    """Gunicorn's own lines pass the redaction filter too: they quote the addresses of requests that it cannot serve."""

    def setup(self, cfg: Any) -> None:
        super().setup(cfg)
        for handler in self.error_log.handlers:
            handler.addFilter(RedactingFilter())


logger_class = RedactingLogger


def child_exit(server: Any, worker: Any) -> None:  # noqa: ARG001 -- the shape of the hook
    """A worker that is started again does not see a fail-point a second time, like every child of `up`."""
    os.environ.pop("TOKENI_FAILPOINT", None)
