"""Growing waits after failed logins, by address and by certificate at an address.

Not by certificate alone: certificates are public, and anybody could lock their owner out.
A unit's password is counted by address, by unit at the address, and far later by unit wherever it
is tried from; a name of the staff wherever it is tried from.
"""

from __future__ import annotations

from server.db import Connection

# An address may stand for a whole office behind one router.
FREE_FAILURES = (20, 3)
FIRST_WAIT_S = 5
WAIT_MAX_S = 900
FORGOTTEN_AFTER_S = 3600
# By address, by unit at the address or name: both are known to others, so a password needs its own.
PASSWORD_FREE_FAILURES = (20, 5)
# Of one unit, from whatever addresses.
FREE_FROM_ANYWHERE = 50
# Our own trouble, and not a sign of guessing.
NOT_COUNTED = frozenset({"L12"})


async def wait_left_s(conn: Connection, subjects: tuple[bytes, ...]) -> int:
    found = await conn.execute(
        "select ceil(extract(epoch from max(blocked_until) - clock_timestamp()))"
        " from login_failure where subject = any(%s) and blocked_until > clock_timestamp()",
        (list(subjects),),
    )
    row = await found.fetchone()
    return int(row[0]) if row and row[0] is not None else 0


async def take_turn(conn: Connection, subject: bytes, free: int) -> int:
    """The seconds to wait; or 0, and the try is counted as failed until ``clear_failures``, so
    that tries made at once get no further than one after the other."""
    await conn.execute("select pg_advisory_xact_lock(hashtextextended(%s, 0))", (subject.hex(),))
    wait_s = await wait_left_s(conn, (subject,))
    if wait_s == 0:
        await count_failure(conn, "", (subject,), (free,))
    return wait_s


async def count_failure(
    conn: Connection,
    code: str,
    subjects: tuple[bytes, ...],
    free_failures: tuple[int, ...] = FREE_FAILURES,
) -> None:
    """``subjects``: the address, then the certificate at the address."""
    if code in NOT_COUNTED:
        return
    for subject, free in zip(subjects, free_failures, strict=True):
        await conn.execute(
            """
            insert into login_failure as f (subject, failures) values (%(subject)s, 1)
            on conflict (subject) do update set
                failures = case when f.last_at < now() - make_interval(secs => %(forgotten)s)
                                then 1 else f.failures + 1 end,
                last_at = now(),
                blocked_until = case
                    when f.last_at >= now() - make_interval(secs => %(forgotten)s)
                         and f.failures + 1 >= %(free)s
                    then now() + make_interval(secs =>
                        least(%(most)s, %(first)s * 2 ^ least(f.failures + 1 - %(free)s, 20)))
                    else '-infinity' end
            """,
            {
                "subject": subject,
                "free": free,
                "first": FIRST_WAIT_S,
                "most": WAIT_MAX_S,
                "forgotten": FORGOTTEN_AFTER_S,
            },
        )


async def clear_failures(conn: Connection, subjects: tuple[bytes, ...]) -> None:
    await conn.execute("delete from login_failure where subject = any(%s)", (list(subjects),))


async def forget_old_failures(conn: Connection) -> None:
    """For the worker: the table holds only what still counts."""
    await conn.execute(
        "delete from login_failure where last_at < now() - make_interval(secs => %s)",
        (FORGOTTEN_AFTER_S,),
    )
    await conn.execute("delete from login_challenge where expires_at <= now()")
