"""Cases about one 64-bit block under one key: the ciphers by themselves."""

from vending.sts.ciphers import MISTY1, Cipher, sta
from vending.sts.frame import join_digits
from vending.sts.sta_tables import SAMPLE_TABLES, StaTables
from vending.vectors.errors import InputMalformed, OperationalTablesNeeded
from vending.vectors.inputs import Inputs


def misty1_block(inputs: Inputs) -> str:
    return f"{_block(inputs, MISTY1):016x}"


def sta_block(inputs: Inputs) -> str | dict[str, str]:
    """The block in hexadecimal; with a `class` the 66 bits of the token instead, class bits in place."""
    block = _block(inputs, sta(_tables(inputs)))
    if not inputs.has("class"):
        return f"{block:016x}"
    return {"token66_hex": f"{int(join_digits(inputs.integer('class'), block)):017X}"}


def _block(inputs: Inputs, cipher: Cipher) -> int:
    block = int.from_bytes(inputs.octets("block", count=8), "big")
    change = cipher.decrypt if _is_decryption(inputs) else cipher.encrypt
    return change(inputs.octets("key", count=cipher.key_octets), block)


def _is_decryption(inputs: Inputs) -> bool:
    direction = inputs.optional(inputs.text, "direction", "encrypt")
    if direction not in ("encrypt", "decrypt"):
        raise InputMalformed("direction is encrypt or decrypt", field="direction")
    return direction == "decrypt" or inputs.optional(inputs.flag, "decrypt", default=False)


def _tables(inputs: Inputs) -> StaTables:
    """Those that the case names; those in force when it names none."""
    match inputs.optional(inputs.text, "tables", ""):
        case "sample":
            return SAMPLE_TABLES
        case "operational":
            tables = inputs.sta_tables()
            if not tables.is_operational:
                raise OperationalTablesNeeded("the operational EA 07 tables are not installed", field="tables")
            return tables
        case "":
            return inputs.tables_in_force()
        case _:
            raise InputMalformed("tables is sample or operational", field="tables")
