"""缴款进度查询: what was asked of the bank, in flight or ended, with every step on the way."""

from __future__ import annotations

import pytest

from server import queries
from server.business.payment_queries import PAYMENT_PROGRESS, PAYMENT_STATES, PAYMENT_STEPS
from server.db import transaction
from server.outside.sandbox_bank.scenarios import Fault
from tests.server.office import Office

pytestmark = pytest.mark.anyio


async def rows(office: Office, query: queries.Query, **values: object) -> list[dict[str, object]]:
    async with transaction(office.desk.pool) as conn:
        return (await queries.run(conn, query, office.desk.unit_id, values)).rows


async def test_payment_is_found_from_its_submission_to_its_end(office: Office) -> None:
    office.sandbox.add_fault(Fault("insufficient_funds"))
    refused = await office.prepay()
    await office.payments().start(office.desk.unit_id, refused, 10)
    waiting = await office.prepay()
    newest, oldest = await rows(office, PAYMENT_PROGRESS)
    assert (newest["serial"], newest["state"], newest["amount"]) == (waiting, "pending", 1_234_56)
    assert (oldest["serial"], oldest["state"]) == (refused, "failed")
    assert oldest["bank_text"] and oldest["at"] >= oldest["begun_at"]  # type: ignore[operator]
    assert [r["serial"] for r in await rows(office, PAYMENT_PROGRESS, state="failed")] == [refused]
    steps = await rows(office, PAYMENT_STEPS, parent=refused)
    assert [step["state"] for step in steps] == ["pending", "sent", "failed"]
    assert {step["state"] for step in steps} <= set(PAYMENT_STATES)
