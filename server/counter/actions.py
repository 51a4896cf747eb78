"""The list of all actions at the counter, in the order of its menus."""

from __future__ import annotations

from server.counter.action import Action
from server.counter.for_books import BOOK_ACTIONS
from server.counter.for_centre import CENTRE_ACTIONS
from server.counter.for_decisions import decisions
from server.counter.for_money import MONEY_ACTIONS
from server.counter.for_registration import REGISTRATION_ACTIONS
from server.counter.for_staff import STAFF_ACTIONS
from server.counter.for_trail import trails
from server.counter.for_units import UNIT_ACTIONS

ENTERED = (
    *UNIT_ACTIONS, *REGISTRATION_ACTIONS, *MONEY_ACTIONS, *BOOK_ACTIONS, *CENTRE_ACTIONS,
    *STAFF_ACTIONS,
)  # fmt: skip
DECIDED = (*ENTERED, *decisions(ENTERED))
ACTIONS: tuple[Action, ...] = (*DECIDED, *trails(DECIDED))
