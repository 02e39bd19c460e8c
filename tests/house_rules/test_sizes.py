"""Small pieces: a function has at most 60 lines, a module at most 400. Aim at 8 and 100."""

from pathlib import Path

from tests.house_rules.tree import APPS, files, functions, short

LONGEST_FUNCTION = 60
LONGEST_MODULE = 400
# Data, not code: one long list reads better than its parts.
EXEMPT_NAMES = ("settings.py", "tables.py")


def is_exempt(path: Path) -> bool:
    return path.name.endswith(EXEMPT_NAMES)


def test_functions_are_at_most_sixty_lines_long() -> None:
    too_long = [
        f"{short(path)}:{function.lineno} {function.name}: {lines} lines"
        for path in files(*APPS, "tests")
        if not is_exempt(path)
        for function in functions(path)
        if (lines := (function.end_lineno or 0) - function.lineno + 1) > LONGEST_FUNCTION
    ]

    assert too_long == []


def test_modules_are_at_most_four_hundred_lines_long() -> None:
    sizes = {short(path): len(path.read_text().splitlines()) for path in files(*APPS, "tests") if not is_exempt(path)}

    assert {path: lines for path, lines in sizes.items() if lines > LONGEST_MODULE} == {}
