"""A request's content type, without what would tell the framework how to decode it. Pure.

Everything that we read is UTF-8, whatever its sender calls it. A charset that Python knows and that is none of text
(`hex`), or a parameter in a coding that nobody knows, would end the request as a fault, with whatever it brought.
"""

import re

_BOUNDARY = re.compile(r""";\s*(boundary=(?:"[^"]*"|[^\s;"]+))""", re.IGNORECASE)


def without_charset(content_type: str) -> str:
    """The type itself, and the boundary of a form with files; every other parameter is left out."""
    main, _, _ = content_type.partition(";")
    boundary = _BOUNDARY.search(content_type)
    return f"{main.strip()}; {boundary[1]}" if boundary else main.strip()
