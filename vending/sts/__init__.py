"""IEC 62055-41 arithmetic and nothing else. No Django, no clock, no randomness, no I/O, no settings.

A token is made in four rooms: `tid` (when), `amounts` (how much), `decoder_keys` (for which meter), `credit` (the 20
digits). Below them `frame` knows the 66 bits, `crc` and `ciphers` what protects them. `identifiers` has the numbers of
meters and keys, `known_answers` the proof that it all works, `errors` every refusal.
"""
