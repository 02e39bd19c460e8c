"""IEC 62055-41 arithmetic and nothing else. No Django, no clock, no randomness, no I/O, no settings.

The numbers of meters and keys are in `identifiers`, `base_dates` and `check_digits`, a token's moment in `tid`. Each
kind of token has a room: `credit` (units, coded by `amounts`), `currency`, `meter_test`, `management`, `key_change`;
`tokens` reads any of them. Below them `frame` knows the 66 bits, `crc` what protects them, `fields` how wide each is.
`decoder_keys` makes a meter's key of a vending key, `ciphers` has what works with it. `bulk` does the same for
thousands at once. `known_answers` is the proof that it all works, `verified` says what no proof covers, `errors` has
every refusal.
"""
