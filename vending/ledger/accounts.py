"""The chart of accounts. Debits are positive (money held at a provider), credits negative (what we owe or earned)."""

WALLET = "wallet"
SUSPENSE = "suspense"
ENERGY_REVENUE = "revenue:energy"
FIXED_FEE_REVENUE = "revenue:fixed_fee"
VAT = "tax:vat"


def provider_float(provider: str) -> str:
    """Money that a mobile money operator holds for us."""
    return f"float:{provider}"
