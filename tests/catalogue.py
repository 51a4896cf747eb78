"""Where the refusals' codes stand in the program and in the tests, read from their texts."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

from hpf_desktop.cert.problems import Fault
from hpf_desktop.print.printers import PrinterStatus
from server.business.refusals import REFUSALS

PROJECT = Path(__file__).resolve().parents[1]
CATALOGUE = PROJECT / "server" / "business" / "refusals.py"
# Whoever makes a problem in a test has not seen the program make it.
MAKERS = {"problem", "problem_at", "refused", "Refused", "Problem", "KeyProblem", "problem_of"}
# Codes by the name of an enumeration's member.
NAMED = {
    (kind.__name__, member.name): _code
    for kind in (Fault, PrinterStatus)
    for member in kind
    if (_code := member.value if isinstance(member.value, str) else member.value[0])
}
KINDS = {kind for kind, _ in NAMED}
IN_SQL, AT_START = re.compile(r"'([A-Z]\d\d[A-Z]?)'"), re.compile(r"^([A-Z]\d\d[A-Z]?)\b")
Places = Mapping[str, frozenset[str]]


@cache
def said_in_program() -> Places:
    """Each code that the program names other than to compare with it, and in which files."""
    files = [f for top in ("server", "hpf_desktop") for f in (PROJECT / top).rglob("*.py")]
    return _places((f for f in files if f != CATALOGUE), _said)


@cache
def seen_by_tests() -> Places:
    """Each code that a test names as what came, and in which files."""
    return _places((PROJECT / "tests").rglob("test_*.py"), _seen)


def _places(files: Iterator[Path], read: object) -> Places:
    found: dict[str, set[str]] = defaultdict(set)
    for file in files:
        for code in read(ast.parse(file.read_text("utf-8"))):  # type: ignore[operator]
            found[code].add(str(file.relative_to(PROJECT)))
    return {code: frozenset(places) for code, places in found.items()}


def _said(tree: ast.AST) -> Iterator[str]:
    """Not below a comparison, nor where it is only given a name: that is not to say it."""
    for child in ast.iter_child_nodes(tree):
        if not isinstance(child, ast.Compare):
            if isinstance(child, ast.Constant):
                yield from _codes(child.value, IN_SQL)
            elif isinstance(child, ast.Attribute) and (code := _member(child)):
                yield code
            if not (isinstance(child, ast.ClassDef) and child.name in KINDS):
                yield from _said(child)


def _seen(tree: ast.AST) -> Iterator[str]:
    """Not what is given to a maker of problems."""
    for child in ast.iter_child_nodes(tree):
        if isinstance(child, ast.Constant):
            yield from _codes(child.value, AT_START)
        elif isinstance(child, ast.Attribute) and (code := _member(child)):
            yield code
        elif not (isinstance(child, ast.Call) and _name(child.func) in MAKERS):
            yield from _seen(child)


def _codes(text: object, also: re.Pattern[str]) -> Iterator[str]:
    """The text itself, or as SQL quotes it, or as a pattern of what is raised begins."""
    if isinstance(text, str):
        yield from {text, *also.findall(text)} & REFUSALS.keys()


def _member(node: ast.Attribute) -> str:
    return NAMED.get((_name(node.value), node.attr), "")


def _name(node: ast.AST) -> str:
    return node.id if isinstance(node, ast.Name) else getattr(node, "attr", "")
