"""The digest of a submitted document: what an idempotency key stands for and the operator signs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence


def document_sha256(
    business_code: str,
    unit_id: int,
    head: Mapping[str, str],
    rows: Sequence[Mapping[str, str]],
    only_passing: bool,
    amount_fen: int | None = None,
) -> bytes:
    """SHA-256 over the canonical JSON of what was typed; empty cells are as if absent.

    ``amount_fen`` is what a paying business was said to come to when it was signed.
    """

    def filled(texts: Mapping[str, str]) -> dict[str, str]:
        return {key: text for key, text in texts.items() if text}

    typed = [filled(head), [filled(row) for row in rows]]
    document = [business_code, unit_id, only_passing, amount_fen, *typed]
    text = json.dumps(document, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).digest()
