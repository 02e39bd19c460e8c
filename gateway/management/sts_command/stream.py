"""The edge of `manage.py sts` as a stream: octets in, one line out for each, whatever comes.

A line longer than any case is answered and forgotten while it is still read: nothing of it is kept.
"""

import json
from collections.abc import Callable, Iterator
from typing import BinaryIO

from vending.sts.sta_tables import StaTables
from vending.vectors.errors import LineFailed
from vending.vectors.lines import GREATEST_OCTETS, answer_line, refusal_as_json


def answer_stream(
    cases: BinaryIO, answers: BinaryIO, *, sta_tables: Callable[[], StaTables], names_ignored: bool = False
) -> None:
    """Answer every line of `cases` in order. Each answer is flushed: a program may wait for it before it goes on."""
    for line in lines_of(cases):
        answers.write(_answered(line, sta_tables, names_ignored).encode("ascii") + b"\n")
        answers.flush()


def lines_of(cases: BinaryIO) -> Iterator[bytes]:
    """The lines without their line feed. Of one that is too long for `answer_line`, just enough to be refused."""
    while line := cases.readline(GREATEST_OCTETS + 1):
        if len(line) > GREATEST_OCTETS and not line.endswith(b"\n"):
            _skip_the_rest(cases)
        yield line.removesuffix(b"\n")


def _skip_the_rest(cases: BinaryIO) -> None:
    while (more := cases.readline(GREATEST_OCTETS)) and not more.endswith(b"\n"):
        pass


def _answered(line: bytes, sta_tables: Callable[[], StaTables], names_ignored: bool) -> str:
    try:
        return answer_line(line, sta_tables=sta_tables, names_ignored=names_ignored)
    except Exception:  # a fault of ours in one case must not take the answers to the others
        return json.dumps({"id": None} | refusal_as_json(LineFailed("a fault of this program; please report it")))
