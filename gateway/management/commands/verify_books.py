"""`manage.py verify_books`: a line for each difference between rows that must agree, and the count. Exit 1 unless it
is 0.
"""

from typing import Any

from gateway.books.queries import list_differences
from gateway.clock import now
from gateway.management.one_line import OneLineCommand


class Command(OneLineCommand):
    help = "Check payments, sales, tokens, ledger, messages and the audit trail against each other."

    def handle(self, *args: Any, **options: Any) -> None:
        count = 0
        for difference in list_differences(now()):
            self.stdout.write(difference)
            count += 1
        self.stdout.write(f"differences: {count}")
        if count:
            raise SystemExit(1)
