"""Passwords as they are kept: Argon2id, reckoned away from the event loop."""

from __future__ import annotations

import asyncio
import functools
import secrets

from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError

HASHER = PasswordHasher()  # Argon2id with the library's current parameters.


async def hash_password(password: str) -> str:
    """With its parameters and salt."""
    return await asyncio.to_thread(HASHER.hash, password)


async def fits(password_hash: str | None, password: str) -> bool:
    """Nobody's password (None) takes as long to look at as somebody's."""
    found = await asyncio.to_thread(_fits, password_hash or _nobodys(), password)
    return found and password_hash is not None


async def hash_anew(password_hash: str, password: str) -> str | None:
    """A stronger hash, when the parameters have been raised since the password was set."""
    is_weak = HASHER.check_needs_rehash(password_hash)
    return await hash_password(password) if is_weak else None


def _fits(password_hash: str, password: str) -> bool:
    try:
        return HASHER.verify(password_hash, password)
    except VerifyMismatchError:
        return False


@functools.cache
def _nobodys() -> str:
    return HASHER.hash(secrets.token_urlsafe(16))
