"""Test vectors: one case in the form of the published ones in, its result or its refusal out. Pure; no I/O.

A case is `{"id", "algorithm", "inputs"}`. `lines` reads and answers it, `inputs` checks each field of it, and the
rooms `numbers`, `blocks`, `tokens` and `key_changes` compute with `vending.sts`; `algorithms` names them all. What no
public vector covers is computed too, and marked: nothing here is for sale.
"""
