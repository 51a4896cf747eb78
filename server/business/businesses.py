"""The list of all businesses, in the order of the menus."""

from __future__ import annotations

from server.business.account_opening import ACCOUNT_OPENING
from server.business.base import Business
from server.business.prepayment import PREPAYMENT
from server.business.remittance import REMITTANCE
from server.business.sealing import SEALING
from server.business.unsealing import UNSEALING

BUSINESSES: tuple[Business, ...] = (ACCOUNT_OPENING, SEALING, UNSEALING, PREPAYMENT, REMITTANCE)


def business_of(code: str) -> Business:
    """Raises KeyError for a code that no business has."""
    for business in BUSINESSES:
        if business.code == code:
            return business
    raise KeyError(code)
