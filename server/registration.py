"""What is registered of units and their people besides money: today's values, and their change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from psycopg import sql
from psycopg.rows import dict_row

from server import parameters
from server.business.base import Field
from server.business.check import Checked
from server.business.facts import Unit
from server.business.kinds import Phone
from server.business.registration import AGENT_ITEMS, ITEMS
from server.db import Connection
from server.outside.sms import Outbox, Template

OF_UNIT = tuple(f.key for f in ITEMS)
# Where an operator's own items are kept.
OF_AGENT = {"agent_phone": "phone", "agent_telephone": "telephone"}
AGENT_ID = "agent_id"
FIELDS: Mapping[str, Field] = {f.key: f for f in ITEMS + AGENT_ITEMS}

REGISTERED = sql.SQL("""
    select u.uscc, {items}, o.name as agent, o.phone as agent_phone,
           o.telephone as agent_telephone, o.operator_id::text as agent_id
    from unit u
    left join registration r on r.unit_id = u.unit_id
    left join operator o on o.unit_id = u.unit_id and o.operator_id = %(operator)s
    where u.unit_id = %(unit)s
""").format(
    items=sql.SQL(", ").join(
        sql.SQL("coalesce(r.{0}, '') as {0}").format(sql.Identifier(key)) for key in OF_UNIT
    )
)


async def with_registration(conn: Connection, unit: Unit, operator_id: int) -> Unit:
    """The same facts with what is registered of the unit, and of the operator who acts. A clerk at
    the counter is no operator: has nothing of their own here, and may change all of the unit's."""
    async with conn.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(REGISTERED, {"unit": unit.unit_id, "operator": operator_id})
        row = await cursor.fetchone()
    known = {key: value for key, value in (row or {}).items() if value is not None}
    if AGENT_ID not in known:
        return replace(unit, registration=known, registered_online=frozenset(OF_UNIT))
    in_force = await parameters.in_force(conn, unit.business_day)
    return replace(unit, registration=known, registered_online=in_force["registration_online"])


def masked(registration: Mapping[str, str]) -> dict[str, str]:
    """As the client may know it."""
    return {
        key: FIELDS[key].kind.mask(value) if key in OF_AGENT or key == "telephone" else value
        for key, value in registration.items()
        if key != AGENT_ID
    }


async def register(conn: Connection, unit_id: int, items: Mapping[str, str]) -> None:
    """Puts ``items`` in the place of what is registered; nothing else is touched."""
    keys = [key for key in OF_UNIT if key in items]
    if not keys:
        return
    statement = sql.SQL("""
        insert into registration (unit_id, {names}) values (%(unit_id)s, {values})
        on conflict (unit_id) do update set {changes}
    """).format(
        names=sql.SQL(", ").join(map(sql.Identifier, keys)),
        values=sql.SQL(", ").join(map(sql.Placeholder, keys)),
        changes=sql.SQL(", ").join(
            sql.SQL("{0} = excluded.{0}").format(sql.Identifier(key)) for key in keys
        ),
    )
    await conn.execute(statement, {"unit_id": unit_id, **{key: items[key] for key in keys}})


async def change_registration(conn: Connection, unit: Unit, txn_id: int, checked: Checked) -> None:
    """The effect of 单位缴存登记信息变更, under the unit's lock."""
    changed = checked.changed
    await register(conn, unit.unit_id, changed)
    for key in OF_AGENT.keys() & changed.keys():
        await _change_agent(conn, unit, OF_AGENT[key], changed[key])
    for key, value in changed.items():
        await _remember(conn, unit, txn_id, key, checked.today[key] or "", value)
    if "agent_phone" in changed:
        await _tell(conn, unit, txn_id, checked.today["agent_phone"], changed["agent_phone"])


async def change_phone(conn: Connection, unit: Unit, txn_id: int, checked: Checked) -> int:
    """The effect of 预留手机号变更, under the unit's lock; the old number is told."""
    account, phone = checked.head["account"], checked.head["phone"]
    before = checked.today["phone"] or ""
    updated = await conn.execute(
        """
        with changed as (
            update person set phone = %(phone)s
            where unit_id = %(unit)s and acct_id = %(account)s returning unit_id, acct_id)
        update account a set phone_mask = %(mask)s
        from changed c where a.unit_id = c.unit_id and a.acct_id = c.acct_id
        """,
        {"unit": unit.unit_id, "account": account, "phone": phone, "mask": Phone().mask(phone)},
    )
    if updated.rowcount != 1:
        raise RuntimeError("the person is not there once")
    await _remember(conn, unit, txn_id, "phone", before, phone, account)
    await _tell(conn, unit, txn_id, before, phone)
    return 1


async def _change_agent(conn: Connection, unit: Unit, column: str, value: str) -> None:
    updated = await conn.execute(
        sql.SQL("update operator set {} = %s where unit_id = %s and operator_id = %s").format(
            sql.Identifier(column)
        ),
        (value, unit.unit_id, int(unit.registration[AGENT_ID])),
    )
    if updated.rowcount != 1:
        raise RuntimeError("the operator is not there")


async def _remember(
    conn: Connection,
    unit: Unit,
    txn_id: int,
    item: str,
    before: str,
    after: str,
    account: int | None = None,
) -> None:
    await conn.execute(
        "insert into registration_change (unit_id, txn_id, item, acct_id, before, after)"
        " values (%s, %s, %s, %s, %s, %s)",
        (unit.unit_id, txn_id, item, account, before, after),
    )


async def _tell(conn: Connection, unit: Unit, txn_id: int, before: str, after: str) -> None:
    """The number that was left: whoever still reads it may object."""
    if before:
        params = {
            "unit": unit.name, "day": unit.business_day.isoformat(), "tail": after[-4:],
            "serial": str(txn_id),
        }  # fmt: skip
        await Outbox(conn).send(before, Template.PHONE_CHANGED, params, str(txn_id))
