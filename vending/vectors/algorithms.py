"""The algorithms of the test vectors by name, and what each makes of its inputs.

One row in `ALGORITHMS` is all that another one needs.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from vending.sts.sta_tables import StaTables
from vending.vectors.blocks import misty1_block, sta_block
from vending.vectors.decoder_keys import decoder_key
from vending.vectors.errors import AlgorithmUnknown, InputMalformed
from vending.vectors.inputs import Inputs
from vending.vectors.key_changes import key_change, key_change_section
from vending.vectors.numbers import crc, crc_of_token, ken, luhn, luhn_valid, pan, tid, tid_sequence
from vending.vectors.tokens import token, token_decode

ALGORITHMS: Mapping[str, Callable[[Inputs], object]] = {
    "token": token,
    "token_decode": token_decode,
    "kct": key_change,
    "kct_section": key_change_section,
    "DKGA": decoder_key,
    "MISTY1": misty1_block,
    "STA": sta_block,
    "CRC16": crc,
    "TOKEN_CRC": crc_of_token,
    "TID": tid,
    "TID_SEQ": tid_sequence,
    "KEN": ken,
    "LUHN": luhn,
    "LUHN_VALID": luhn_valid,
    "PAN": pan,
}


@dataclass(frozen=True)
class Outcome:
    """A result and what must be said beside it."""

    result: Any  # a JSON value
    is_unverified: bool = False  # something in it is covered by no public vector
    used_sample_tables: bool = False  # EA 07 was computed with the standard's sample tables: no real meter fits
    ignored: tuple[str, ...] = ()  # inputs that played no part


def compute(algorithm: object, inputs: object, *, sta_tables: Callable[[], StaTables]) -> Outcome:
    """What this algorithm makes of these inputs, as parsed JSON; `sta_tables` gives the EA 07 tables in force.

    Any other value than it takes is a `DomainError`: those of `vending.sts` for what the standard forbids, those of
    `errors` for what is missing or malformed, and those of `sta_tables`.
    """
    compute_result = ALGORITHMS.get(algorithm) if isinstance(algorithm, str) else None
    if compute_result is None:
        raise AlgorithmUnknown(f"algorithm is one of {', '.join(ALGORITHMS)}", field="algorithm")
    if not isinstance(inputs, dict):
        raise InputMalformed("inputs is an object", field="inputs")
    read = Inputs(inputs, sta_tables)
    result = compute_result(read)
    return Outcome(result, read.remarks.is_unverified, read.remarks.used_sample_tables, tuple(read.ignored()))
