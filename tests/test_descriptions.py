"""Descriptions are enough: a business and a query of one file each, and their lines in the lists,
are in every place and under every law of a tree that is otherwise this one."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from server.business.businesses import BUSINESSES
from server.business.queries import QUERIES

ROOT = Path(__file__).resolve().parents[1]
ADDED = ROOT / "tests" / "descriptions"
BUSINESS, QUERY, DRILL = "confirmation", "openings", "opening_persons"
# What is said of the two, and the laws that go through all businesses or queries by themselves.
SAID = ("tests/server/test_added_there.py", "tests/ui/sheet/test_added_here.py")
LAWS = (
    "tests/business", "tests/test_tidy.py", "tests/test_table_file.py", "tests/test_mapping.py",
    "tests/server/test_queries.py", "tests/server/test_api.py", "tests/ui/test_main_window.py",
)  # fmt: skip
OVER_ALL = (
    "test_batch_businesses_wait_for_any_payment_under_way",
    "test_business_codes_and_labels_differ",
    "test_queries_drill_to_queries_and_order_by_something",
    "test_no_business_is_told_apart_by_its_code_outside_its_description",
    "test_no_query_shows_anything_of_another_unit",
    "test_totals_of_a_page_are_those_of_the_whole",
    "test_openapi_names_every_business_and_query",
    "test_tree_leads_to_every_business_and_query_under_its_menu",
    "test_no_two_commands_of_a_page_share_a_key",
    "test_every_control_of_every_page_has_a_name",
)


@pytest.fixture(scope="module")
def grown(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """This tree with one file and one line more for the business, and the same for the query."""
    tree = tmp_path_factory.mktemp("grown")
    for part in ("server", "hpf_desktop", "tests"):
        shutil.copytree(ROOT / part, tree / part, ignore=shutil.ignore_patterns("__pycache__"))
    (tree / "resources").symlink_to(ROOT / "resources")
    shutil.copy(ROOT / "pyproject.toml", tree)
    business = tree / "server" / "business"
    shutil.copy(ADDED / "confirmation.py", business)
    shutil.copy(ADDED / "openings.py", business)
    enter(business / "businesses.py", "BUSINESSES", BUSINESS, "CONFIRMATION")
    enter(business / "queries.py", "QUERIES", QUERY, "*OPENING_QUERIES")
    for name, place in zip(("at_the_server.py", "on_the_screen.py"), SAID, strict=True):
        shutil.copy(ADDED / name, tree / place)
    return tree


def enter(file: Path, listed: str, module: str, entry: str) -> None:
    """Its import and its place at the end of the list."""
    text, lists = re.subn(
        rf"^({listed}: tuple\[.*?)(\n\))", rf"\1\n    {entry},\2", file.read_text("utf-8"),
        count=1, flags=re.S | re.M,
    )  # fmt: skip
    line = f"from server.business.{module} import {entry.lstrip('*')}\n"
    text, imports = re.subn(r"^(?=from server\.business)", line, text, count=1, flags=re.M)
    assert lists == imports == 1
    file.write_text(text, "utf-8")


def pytest_there(tree: Path, *arguments: str) -> str:
    """Runs it in the tree, where nothing may fail."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:randomly", "-p", "no:cacheprovider",
         *arguments],
        cwd=tree, capture_output=True, text=True, timeout=540, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    return done.stdout


def parameters_of_tests(listing: str) -> dict[str, set[str]]:
    """What each test is run for, by its name; an empty text where it has no parameter."""
    found: dict[str, set[str]] = {}
    for name, parameter in re.findall(r"^\S+?::(\w+)(?:\[(.*)\])?$", listing, re.M):
        found.setdefault(name, set()).add(parameter)
    return found


@pytest.mark.slow
def test_added_business_and_query_are_in_every_place(grown: Path) -> None:
    assert "8 passed" in pytest_there(grown, *SAID)


@pytest.mark.slow
def test_every_law_holds_for_the_added_business_and_query(grown: Path) -> None:
    asked_of = parameters_of_tests(pytest_there(grown, "--collect-only", *LAWS))
    batches = {business.code for business in BUSINESSES if business.is_batch}
    shown = {query.code for query in QUERIES if query.menu}
    of_businesses = [name for name, codes in asked_of.items() if batches <= codes]
    of_queries = [name for name, codes in asked_of.items() if shown <= codes]
    assert len(of_businesses) > 10 and of_queries
    assert all(BUSINESS in asked_of[name] for name in of_businesses)
    assert all(QUERY in asked_of[name] for name in of_queries)
    assert asked_of.keys() >= set(OVER_ALL)
    pytest_there(grown, "-k", " or ".join((BUSINESS, QUERY, DRILL, *OVER_ALL)), *LAWS)
