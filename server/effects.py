"""What a submitted business does besides its postings: by its rows' statuses, or as named here."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from server import accounts, ratios, registration, transfer
from server.business.base import Business
from server.business.check import Checked
from server.business.facts import Unit
from server.business.phone_change import PHONE_CHANGE
from server.business.ratio_change import RATIO_CHANGE
from server.business.registration import REGISTRATION
from server.business.transfer import TRANSFER
from server.db import Connection

Effect = Callable[[Connection, Unit, int, Checked], Awaitable[int | None]]
# By business code: what no description says, and how many people it concerned. The caller holds
# the unit's lock and has checked.
EFFECTS: Mapping[str, Effect] = {
    RATIO_CHANGE.code: ratios.change,
    REGISTRATION.code: registration.change_registration,
    PHONE_CHANGE.code: registration.change_phone,
    TRANSFER.code: transfer.take_over,
}


async def apply(
    conn: Connection, business: Business, unit: Unit, txn_id: int, checked: Checked
) -> int:
    """Changes accounts as ``takes`` and ``leaves`` say, then does what the table has; how many
    people that concerned."""
    await accounts.apply(conn, business, unit, txn_id, checked.rows)
    effect = EFFECTS.get(business.code)
    return await effect(conn, unit, txn_id, checked) or 0 if effect else 0
