"""The chart of accounts. Debits are positive, credits negative: an entry sums to nothing, and so does every currency.

| account | of | holds |
|---|---|---|
| `float:<provider>` | each provider | money that a mobile money operator holds for us |
| `wallet` | each meter | money that waits for the meter's next purchase: we owe it |
| `receivable:reversed` | each meter | money that its provider took back after it had become a code: it is owed to us |
| `suspense` | all | money that nobody has named a meter for: we owe it |
| `refunds` | all | money on its way back to the payer: we owe it until the provider has sent it |
| `revenue:energy` | each meter | the net price of what was sold |
| `revenue:fixed_fee` | each meter | fixed charges |
| `tax:vat`, `tax:<levy>` | each meter | what we took for the state and its funds: we owe it |
| `expense:provider_fees` | all | what providers keep of the money that they move |

Those "of each meter" name it on every line; the others need none.
"""

WALLET = "wallet"
RECEIVABLE = "receivable:reversed"
SUSPENSE = "suspense"
REFUNDS = "refunds"
ENERGY_REVENUE = "revenue:energy"
FIXED_FEE_REVENUE = "revenue:fixed_fee"
VAT = "tax:vat"
PROVIDER_FEES = "expense:provider_fees"

# Of one meter each: a line without it would be money of nobody.
OF_ONE_METER = frozenset({WALLET, RECEIVABLE})


def provider_float(provider: str) -> str:
    """Money that a mobile money operator holds for us."""
    return f"float:{provider}"


def levy(name: str) -> str:
    """What we took for the levy of this name, and owe."""
    return f"tax:{name}"
