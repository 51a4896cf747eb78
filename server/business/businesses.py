"""The list of all businesses, in the order of the menus."""

from __future__ import annotations

from server.business.account_opening import ACCOUNT_OPENING
from server.business.back_payment import BACK_PAYMENT
from server.business.bank import BANK_BUSINESSES
from server.business.base import Business
from server.business.base_change import BASE_CHANGE
from server.business.counter import (
    CHEQUE,
    CLAIM,
    CORRECTION,
    REFUND,
    REFUND_KEPT,
    REVERSAL,
    SETTLEMENT,
)
from server.business.deposit_proof import DEPOSIT_PROOF
from server.business.finance import FINANCE_BUSINESSES
from server.business.phone_change import PHONE_CHANGE
from server.business.prepayment import PREPAYMENT
from server.business.ratio_change import RATIO_CHANGE
from server.business.registration import REGISTRATION
from server.business.remittance import REMITTANCE
from server.business.sealing import SEALING
from server.business.transfer import TRANSFER, TRANSFER_OUT
from server.business.unsealing import UNSEALING

# What operators do.
BUSINESSES: tuple[Business, ...] = (
    ACCOUNT_OPENING, SEALING, UNSEALING, BASE_CHANGE, TRANSFER, REGISTRATION, RATIO_CHANGE,
    PHONE_CHANGE, PREPAYMENT, REMITTANCE, BACK_PAYMENT, DEPOSIT_PROOF,
)  # fmt: skip
# What only the centre does to a unit's accounts; it has a receipt, and is found in queries, too.
COUNTER_BUSINESSES: tuple[Business, ...] = (
    CHEQUE, CLAIM, CORRECTION, REVERSAL, REFUND, REFUND_KEPT, SETTLEMENT, TRANSFER_OUT,
    *BANK_BUSINESSES, *FINANCE_BUSINESSES,
)  # fmt: skip
LABELS = {b.code: b.label for b in BUSINESSES + COUNTER_BUSINESSES}


def business_of(code: str) -> Business:
    """Raises KeyError for a code that no business has."""
    for business in BUSINESSES + COUNTER_BUSINESSES:
        if business.code == code:
            return business
    raise KeyError(code)
