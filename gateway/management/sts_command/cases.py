"""What a person's options mean: cases as `vending.vectors` computes them."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from gateway.management.sts_command.options import NEW_NUMBERS, RESOURCES
from vending.sts.identifiers import ManufacturerCode, MeterPan
from vending.sts.management import extended_field
from vending.sts.meter_test import LONG_CODE_TEST, READ, SHORT_CODE_TEST, control_of_test

Options = Mapping[str, Any]
Inputs = dict[str, object]


def is_vending_key(options: Options) -> bool:
    """Whether the key that these options name, or that is asked for, is a vending key."""
    return options["dkga"] is not None or options["vending_key_file"] is not None


def key_inputs(options: Options, secret: str) -> Inputs:
    """The key of the meter, with every attribute that was given. The errors of `MeterPan` for a wrong number."""
    inputs = _given(options, "ea", "sgc", "krn", "kt", "ti", "base")
    if not is_vending_key(options):
        return inputs | {"dk": secret}
    meter = {} if options["meter"] is None else {"pan": MeterPan.from_entry(options["meter"]).digits}
    return inputs | meter | _given(options, "dkga") | {"vk": secret}


def token_inputs(options: Options, key: Inputs, *, rnd: int, now: datetime) -> Inputs:
    """A token of class 0 or 2, of this moment and with this random field unless the options say others."""
    inputs = _given(options, "subclass", "amount", "power_w", "field", "tid", "issued", "ken", "base")
    if "tid" not in inputs and "issued" not in inputs:
        inputs["issued"] = f"{now:%Y-%m-%dT%H:%MZ}"
    if "rnd" in options:
        inputs["rnd"] = rnd if options["rnd"] is None else options["rnd"]
    if "of" in options:
        inputs["subclass"] = options["subclass"] + RESOURCES.index(options["of"])
    if "index" in options:
        inputs["field"] = extended_field(index=options["index"], value=options["value"])
    return inputs | {"class": options["token_class"], "key": key}


def key_change_inputs(options: Options, key: Inputs, new_secret: str | None) -> Inputs:
    """A change to what the `--to-` options name; the rest of the new key is that of the present one."""
    changed = {name: options[f"to_{name}"] for name in ("sgc", "base", *NEW_NUMBERS)}
    new_key = key | {name: value for name, value in changed.items() if value is not None}
    if new_secret is not None:
        new_key["vk" if "vk" in key else "dk"] = new_secret
    return {"key": key, "new_key": new_key, "ken": options["ken"], "three_token": options["three_token"]}


def meter_test_inputs(options: Options) -> list[Inputs]:
    """A test or display for the form that the manufacturer code has; for both, and every maker, without a code."""
    code = None if options["mfr"] is None else ManufacturerCode(options["mfr"])
    if options["read"] is not None:
        return [_test(READ, options["read_control"][options["read"]], int(code or 0))]
    if code is None:
        forms = [(SHORT_CODE_TEST, 0), (LONG_CODE_TEST, 0)]
    else:
        forms = [(SHORT_CODE_TEST if len(code) == 2 else LONG_CODE_TEST, int(code))]
    return [_test(subclass, control_of_test(options["test"], subclass), mfr) for subclass, mfr in forms]


def _test(subclass: int, control: int, mfr: int) -> Inputs:
    return {"class": 1, "subclass": subclass, "control": control, "mfr": mfr}


def _given(options: Options, *names: str) -> Inputs:
    return {name: options[name] for name in names if options.get(name) is not None}
