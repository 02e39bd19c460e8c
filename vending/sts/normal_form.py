"""Any table of bits as sums of products (its algebraic normal form), so that it can be worked on `slices`.

An output bit of a table is the XOR of some products of input bits; a Moebius transform of the table says which. The
products are made once and shared by all output bits. The loops run inside `map` and `reduce`: on a few hundred rows
most of the time is Python's own, not the arithmetic.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import reduce
from operator import and_, itemgetter, xor

from vending.sts.slices import Slices

_Pick = Callable[[Sequence[int]], Sequence[int]]


class NormalForm:
    """A function of `inputs` bits to `outputs` bits, made from its table of 2^inputs values, worked on slices.

    No output may be 0 for every input; those of a permutation never are.
    """

    def __init__(self, table: Sequence[int], inputs: int, outputs: int) -> None:
        terms = _moebius(table, inputs)
        products = sorted(_with_factors(product for product, term in enumerate(terms) if term), key=int.bit_count)
        places = {0: 0} | {1 << bit: 1 + bit for bit in range(inputs)}
        for product in products:
            places.setdefault(product, len(places))
        self._degrees = [
            _factors([product for product in products if product.bit_count() == degree], places)
            for degree in range(2, 1 + max(map(int.bit_count, products)))
        ]
        self._sums = [
            _pick([places[product] for product, term in enumerate(terms) if term >> bit & 1]) for bit in range(outputs)
        ]

    def __call__(self, ones: int, bits: Slices) -> list[int]:
        """The output slices of the input slices, lowest bit first; `ones` is the slice of a one in every row."""
        values = [ones, *bits]
        for greater_part, one_bit in self._degrees:
            values += map(and_, greater_part(values), one_bit(values))
        return [reduce(xor, terms(values)) for terms in self._sums]


def _moebius(table: Sequence[int], inputs: int) -> list[int]:
    """For each product of inputs (a set of them, as bits) the outputs that it is a term of (as bits)."""
    terms = list(table)
    for bit in range(inputs):
        for number in range(1 << inputs):
            if number >> bit & 1:
                terms[number] ^= terms[number ^ 1 << bit]
    return terms


def _with_factors(products: Iterable[int]) -> set[int]:
    """These and every product on the way to them: each is one of one bit less, times its greatest bit."""
    found: set[int] = set()
    for product in products:
        while product not in found and product:
            found.add(product)
            product ^= _greatest(product)
    return found


def _factors(products: list[int], places: dict[int, int]) -> tuple[_Pick, _Pick]:
    greatest = [_greatest(product) for product in products]
    rest = [product ^ bit for product, bit in zip(products, greatest, strict=True)]
    return _pick([places[product] for product in rest]), _pick([places[bit] for bit in greatest])


def _greatest(product: int) -> int:
    return 1 << product.bit_length() - 1


def _pick(places: list[int]) -> _Pick:
    """What stands at these places, as a sequence even for one place, where `itemgetter` needs a slice."""
    return itemgetter(*places) if len(places) > 1 else itemgetter(slice(places[0], places[0] + 1))
