"""What the system's keyring remembers for this program; never a password and never a PIN. No Qt.

A keyring may ask the operator for a password of its own, so none of this belongs in the GUI thread.
"""

from __future__ import annotations

from server.business.refusals import refused

SERVICE = "hpf-desktop"
DRAFT_KEY, UNIT = "draft-key", "unit"
# Back ends that encrypt; a plaintext file that calls itself a keyring is not among them.
KEYRINGS = frozenset({
    "keyring.backends.Windows.WinVaultKeyring",
    "keyring.backends.macOS.Keyring",
    "keyring.backends.SecretService.Keyring",
    "keyring.backends.kwallet.DBusKeyring",
    "keyring.backends.libsecret.Keyring",
})  # fmt: skip
# What one has to do without, without a keyring.
REFUSAL_OF = {DRAFT_KEY: "S21", UNIT: "S23"}


def read(entry: str) -> str | None:
    """None when nothing was kept. Raises Refused without a trustworthy keyring."""
    import keyring  # Costs start-up time.
    from keyring.errors import KeyringError

    if not _is_trusted(keyring.get_keyring()):
        raise refused(REFUSAL_OF[entry])
    try:
        return keyring.get_password(SERVICE, entry)
    except (KeyringError, RuntimeError):
        raise refused(REFUSAL_OF[entry]) from None


def keep(entry: str, text: str) -> None:
    """An empty text forgets. Raises Refused as ``read`` does."""
    kept = read(entry)
    if kept == (text or None):
        return
    import keyring
    from keyring.errors import KeyringError

    try:
        if text:
            keyring.set_password(SERVICE, entry, text)
        else:
            keyring.delete_password(SERVICE, entry)
    except (KeyringError, RuntimeError):
        raise refused(REFUSAL_OF[entry]) from None


def _is_trusted(backend: object) -> bool:
    """A chain is as good as its best member: that is the one it stores into."""
    members = getattr(backend, "backends", None)
    if members is not None:
        backend = next(iter(members), None)
    kind = type(backend)
    return f"{kind.__module__}.{kind.__qualname__}" in KEYRINGS
