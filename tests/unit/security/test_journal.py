"""The journal of the last answers: bounded, and safe for threads."""

from concurrent.futures import ThreadPoolExecutor

from vending.security.journal import Journal
from vending.security.ports import Made


def test_journal_gives_what_it_was_given_and_none_for_the_rest() -> None:
    journal = Journal()
    journal.keep([("a", Made(("1",))), ("b", Made(("2",)))])

    assert journal.find(["b", "c", "a"]) == [Made(("2",)), None, Made(("1",))]
    assert journal.find([]) == []


def test_journal_that_is_full_forgets_the_oldest_answer_first() -> None:
    journal = Journal(most=2)
    journal.keep([("a", Made(("1",))), ("b", Made(("2",))), ("a", Made(("3",))), ("c", Made(("4",)))])

    assert journal.find(["a", "b", "c"]) == [Made(("3",)), None, Made(("4",))]


def test_journal_shows_no_digits() -> None:
    journal = Journal()
    journal.keep([("a", Made(("12345678901234567890",)))])

    assert "1234567890" not in f"{journal!r} {vars(journal)!r}"


def test_journal_of_many_threads_keeps_its_bound_and_every_pair() -> None:
    journal = Journal(most=50)

    def work(worker: int) -> bool:
        for number in range(200):
            name = f"{worker}-{number}"
            journal.keep([(name, Made((name,)))])
            (found,) = journal.find([name])
            if found is not None and found.digits != (name,):
                return False
        return True

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(work, range(8)))
    left = journal.find([f"{worker}-{number}" for worker in range(8) for number in range(200)])
    assert sum(made is not None for made in left) == 50
