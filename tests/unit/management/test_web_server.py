"""What gunicorn is told in code: its own lines are redacted, and nobody but us says where we are mounted."""

import logging
from collections.abc import Iterator

import pytest
from gunicorn.config import Config  # type: ignore[import-untyped]

from gateway.management import web

SECRET = "0123456789abcdef" * 2


@pytest.fixture
def configuration() -> Iterator[Config]:
    """Gunicorn's, as it takes our module; its loggers are put back as they were."""
    taken = Config()
    for name in ("logger_class", "forwarder_headers", "child_exit"):
        taken.set(name, getattr(web, name))
    yield taken
    for name in ("gunicorn.error", "gunicorn.access"):
        logging.getLogger(name).handlers.clear()


def test_lines_of_the_server_hold_no_secret_of_a_hook(
    configuration: Config, capsys: pytest.CaptureFixture[str]
) -> None:
    logger = configuration.logger_class(configuration)
    logger.error(
        "Error handling request %s",
        f"POST /hooks/payments/daraja/{SECRET}/stk/?a=1",
        exc_info=ValueError(f"/hooks/payments/daraja/{SECRET}/stk/ of 254711000101"),
    )
    said = capsys.readouterr().err
    assert "POST /hooks/payments/daraja/***/stk/?a=1" in said
    assert "ValueError" in said
    assert SECRET not in said
    assert "254711000101" not in said


def test_no_header_says_where_the_application_is_mounted(configuration: Config) -> None:
    assert configuration.forwarder_headers == []
