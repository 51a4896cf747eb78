"""What can be broken without noticing: import directions, closed sets, the places of things."""

from __future__ import annotations

import ast
import inspect
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

from server.business.base import Business
from server.business.businesses import BUSINESSES
from server.business.payment_queries import PAYMENT_KINDS
from server.business.refusals import REFUSALS

ROOT = Path(__file__).resolve().parents[1]
PURE = ROOT / "server" / "business"
LEDGER_TABLES = ("txn", "posting", "entry", "txn_part", "chain")
every_business = pytest.mark.parametrize("business", BUSINESSES, ids=lambda b: b.code)


def modules(*folders: Path) -> Iterator[tuple[str, str, ast.Module]]:
    """Path, text and tree of each module in the folders."""
    for folder in folders:
        for path in sorted(folder.rglob("*.py")):
            text = path.read_text("utf-8")
            yield path.relative_to(ROOT).as_posix(), text, ast.parse(text)


def imported(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or "."


def test_imports_go_in_the_agreed_directions() -> None:
    """In a process of its own: the linter switches off every logger of the one it runs in."""
    lint = (
        "from importlinter.cli import lint_imports; raise SystemExit(lint_imports(no_cache=True))"
    )
    done = subprocess.run(
        [sys.executable, "-c", lint],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_businesses_need_nothing_but_the_standard_library() -> None:
    foreign = {
        (path, name)
        for path, _, tree in modules(PURE)
        for name in imported(tree)
        if name.split(".")[0] not in sys.stdlib_module_names
        and not name.startswith("server.business.")
    }
    assert foreign == set()


@every_business
def test_business_says_what_it_is_and_names_its_receipt(business: Business) -> None:
    lines = (inspect.getdoc(import_module(f"server.business.{business.code}")) or "").splitlines()
    assert re.match(rf"{business.label} \(U\d+\): ", lines[0])
    assert business.receipt.endswith("证明" if business.closing else "回单")
    assert [b.receipt for b in BUSINESSES].count(business.receipt) == 1
    assert business.menu
    assert business.std.isdigit()


def test_queries_know_every_business_that_pays() -> None:
    assert {b.code for b in BUSINESSES if b.payment} < set(PAYMENT_KINDS)


def test_no_business_is_told_apart_by_its_code_outside_its_description() -> None:
    codes = {business.code for business in BUSINESSES}
    told_apart = [
        f"{path}:{node.lineno}"
        for path, _, tree in modules(ROOT / "server", ROOT / "hpf_desktop")
        # The simulation's model is written apart from the descriptions, on purpose.
        if not path.startswith(("server/business/", "server/simulation/"))
        for node in ast.walk(tree)
        if isinstance(node, ast.Compare)
        and isinstance(node.ops[0], ast.Eq | ast.NotEq)
        and any(
            isinstance(side, ast.Constant) and side.value in codes
            for side in (node.left, *node.comparators)
        )
    ]
    assert told_apart == [], "the description lacks a field"


def test_only_posting_writes_the_ledger() -> None:
    writes = re.compile(
        rf"\b(insert\s+into|update|delete\s+from|copy)\s+({'|'.join(LEDGER_TABLES)})\b", re.I
    )
    calls = re.compile(r"\bfrom\s+post\(")
    texts = {path: text for path, text, _ in modules(ROOT / "server", ROOT / "hpf_desktop")}
    for path in (ROOT / "server/migrations/sql").glob("*.sql"):
        texts[path.relative_to(ROOT).as_posix()] = path.read_text("utf-8")
    writers = {path for path, text in texts.items() if writes.search(text)}
    # The later migration gives ``post`` two columns more, and fills them in.
    posting = {f"server/migrations/sql/{name}.sql" for name in ("0011_posting", "0019_month_parts")}
    assert writers == posting | {"server/ledger/settle.py"}
    callers = {path for path, text in texts.items() if calls.search(text)}
    assert callers == {"server/ledger/post.py"}


def test_every_refusal_named_in_the_code_is_in_the_catalogue() -> None:
    named = {
        (path, node.args[0].value)
        for path, _, tree in modules(ROOT / "server", ROOT / "hpf_desktop")
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in ("problem", "refused", "Invalid")
        and node.args
        and isinstance(node.args[0], ast.Constant)
    }
    assert len(named) > 20
    assert {(path, code) for path, code in named if code not in REFUSALS} == set()
