"""What is registered of a unit, changed at the counter: as by its operators, but without limits."""

from __future__ import annotations

from server.business.facts import Values
from server.business.registration import ITEMS, REGISTRATION
from server.counter.action import Action, Desk, Told
from server.counter.for_money import posted, submit, texts
from server.counter.for_units import MENU, TELLERS, UNIT


async def change_registration(desk: Desk, values: Values) -> Told:
    """With a receipt, and a line in the history for each value that is another now."""
    unit_id: int = values["unit"]
    answer = await submit(desk, unit_id, REGISTRATION, texts(ITEMS, values), [])
    return posted(unit_id, answer.serial, answer.receipt_no)


REGISTRATION_ACTIONS = (
    Action("change-registration", "单位缴存登记信息变更", MENU, TELLERS, change_registration,
           (UNIT, *ITEMS)),
)  # fmt: skip
