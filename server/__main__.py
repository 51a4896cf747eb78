"""The server's commands: serve, migrate, demo, certificates, day-end, the books, the counter."""

from __future__ import annotations

import argparse
import asyncio
import datetime
import json
import sys
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from pathlib import Path
from typing import TypeVar

from server.business.month import Month
from server.business.refusals import Refused

T = TypeVar("T")


def main() -> int:
    arguments = _parser().parse_args()
    try:
        return int(arguments.run(arguments) or 0)
    except Refused as refused:
        print(f"{refused.reason.text}。{refused.reason.next_step}", file=sys.stderr)
    except KeyError as missing:
        print(f"缺少环境变量 {missing.args[0]}", file=sys.stderr)
    except (ValueError, RuntimeError) as error:
        print(error, file=sys.stderr)
    return 1


def _parser() -> argparse.ArgumentParser:
    from server.books.command import add_verbs as add_books
    from server.counter.command import add_verbs as add_counter

    parser = argparse.ArgumentParser(prog="python -m server", description=__doc__)
    verbs = parser.add_subparsers(required=True)

    def verb(
        name: str, run: Callable[[argparse.Namespace], object], text: str
    ) -> argparse.ArgumentParser:
        added = verbs.add_parser(name, help=text)
        added.set_defaults(run=run)
        return added

    verb("serve", _serve, "提供服务（HPF_DATABASE_URL、HPF_FILES、HPF_BANK_URL、HPF_BANK_KEY）")
    verb("migrate", _migrate, "把数据库升到本程序的版本")
    demo = verb("demo", _demo, "内置数据库、沙箱银行、示例单位，一起运行到结束信号")
    demo.add_argument("--dir", type=Path, required=True)
    demo.add_argument("--port", type=int, default=0)
    demo.add_argument("--fresh", action="store_true", help="从空账开始，而不是接着上次")
    bind = verb("bind-certificate", _bind, "把经办人的证书绑定到单位")
    bind.add_argument("unit_id", type=int)
    bind.add_argument("certificate", type=Path, help="PEM 或 DER 文件")
    bind.add_argument("--name", required=True)
    bind.add_argument("--id-number", required=True)
    bind.add_argument("--phone", required=True)
    revoke = verb("revoke-certificate", _revoke, "解除证书的绑定")
    revoke.add_argument("unit_id", type=int)
    revoke.add_argument("certificate_id", type=int)
    end = verb("day-end", _day_end, "日终：营业日前进到下一天（或给定的日期）")
    end.add_argument("day", nargs="?", type=datetime.date.fromisoformat)
    verb("books", _books, "账目：余额、笔数、是否平衡（不平衡时返回非零）")
    against = verb(
        "reconcile", _reconcile,
        "与银行对账，给出余额调节表，默认前一营业日（HPF_DATABASE_URL、HPF_BANK_URL、HPF_BANK_KEY）",
    )  # fmt: skip
    against.add_argument("day", nargs="?", type=datetime.date.fromisoformat)
    simulation = verb("simulate", _simulate, "模拟一个中心的若干年，与独立模型逐分核对")
    simulation.add_argument("--seed", type=int, required=True, help="随机种子：同一种子同一历史")
    simulation.add_argument("--years", type=float, default=3.0)
    simulation.add_argument("--units", type=int, default=12)
    simulation.add_argument("--largest", type=int, default=250, help="最大单位的人数")
    simulation.add_argument("--dir", type=Path, help="数据库和银行账本所在目录；不填则用后即删")
    settle = verb("settle-interest", _settle, "年终结息：各账户入息；中断后可续办，再办不重复入息")
    settle.add_argument("year", type=int, help="结息年度，例如 2026（6 月 30 日结息）")
    settle.add_argument("--preview", action="store_true", help="只试算，按单位列出，不入账")
    accrue = verb("accrue-interest", _accrue, "计提利息到该月月末")
    accrue.add_argument("month", type=Month.parse, help="例如 2026-03")
    add_books(verbs)
    add_counter(verbs)
    return parser


def _url() -> str:
    from server.config import settings

    return settings("HPF_DATABASE_URL")[0]


def _with_connection(work: Callable[..., Awaitable[T]], *arguments: object) -> T:
    from server.db import open_pool, transaction

    async def run() -> T:
        pool = open_pool(_url(), 1)
        await pool.open(wait=True, timeout=10)
        try:
            async with transaction(pool) as conn:
                return await work(conn, *arguments)
        finally:
            await pool.close()

    return asyncio.run(run())


def _serve(arguments: argparse.Namespace) -> None:
    from server.config import Config
    from server.serve import serve

    serve(Config.from_environment())


def _migrate(arguments: argparse.Namespace) -> None:
    from server.migrate import migrate

    print(f"数据库版本 {migrate(_url())}")


def _demo(arguments: argparse.Namespace) -> None:
    from server.demo import run

    run(arguments.dir, arguments.port, arguments.fresh)


def _simulate(arguments: argparse.Namespace) -> int:
    from server.simulation.command import run
    from server.simulation.play import Plan

    plan = Plan(arguments.seed, arguments.years, arguments.units, arguments.largest)
    return run(plan, arguments.dir)


def _bind(arguments: argparse.Namespace) -> None:
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding

    from server.enrolment import Operator, bind_certificate

    content = arguments.certificate.read_bytes()
    if content.startswith(b"-----"):
        content = x509.load_pem_x509_certificate(content).public_bytes(Encoding.DER)
    operator = Operator(arguments.name, arguments.id_number, arguments.phone)
    print(_with_connection(bind_certificate, arguments.unit_id, operator, content))


def _revoke(arguments: argparse.Namespace) -> None:
    from server.enrolment import revoke_certificate

    _with_connection(revoke_certificate, arguments.unit_id, arguments.certificate_id)


def _day_end(arguments: argparse.Namespace) -> None:
    from server.books.close import close_day
    from server.parameters import business_day

    day = arguments.day or _with_connection(business_day) + datetime.timedelta(days=1)
    print(f"营业日 {_with_connection(close_day, day)}")


def _books(arguments: argparse.Namespace) -> int:
    from server.ledger.balance import books

    found = _with_connection(books)
    shown = {
        **found.balances,
        "balanced": found.is_balanced,
        "txns": found.txns,
        "entries": found.entries,
        "disagreements": found.disagreements,
    }
    print(json.dumps(shown, ensure_ascii=False))
    return 0 if found.is_balanced else 1


def _reconcile(arguments: argparse.Namespace) -> int:
    from server.adjustment import Adjustment, shown
    from server.app import COMPLETE
    from server.bank_notices import Movements
    from server.config import BankSettings, settings
    from server.db import open_pool, transaction
    from server.notices import tell_payment_ended
    from server.outside.bank import HttpBank
    from server.parameters import business_day
    from server.payments import Payments
    from server.reconciliation import reconcile

    (url, *_) = settings("HPF_DATABASE_URL", "HPF_BANK_URL", "HPF_BANK_KEY")
    given = BankSettings.from_environment()

    async def run() -> Adjustment:
        async with (
            open_pool(url, 2) as pool,
            HttpBank(given.url, given.key, timeout_s=given.pace.bank_timeout_s) as bank,
        ):
            payments = Payments(pool, bank, COMPLETE, tell_payment_ended, given.pace)
            day = arguments.day
            if day is None:
                async with transaction(pool) as conn:
                    day = await business_day(conn) - datetime.timedelta(days=1)
            return await reconcile(pool, bank, Movements(pool, payments), day)

    found = asyncio.run(run())
    print(json.dumps(shown(found), ensure_ascii=False))
    return 0 if found.is_balanced else 1


def _settle(arguments: argparse.Namespace) -> None:
    from server.db import open_pool
    from server.interest import Run, preview_year, settle_year

    def tell(run: Run) -> None:
        print(f"{run.ranges_done}/{run.ranges} 段，{run.accounts} 户", file=sys.stderr, flush=True)

    async def run() -> dict[str, object]:
        async with open_pool(_url(), 2) as pool:
            if arguments.preview:
                found = await preview_year(pool, arguments.year)
                total_fen = sum(unit.interest_fen for unit in found)
                return {"interest_fen": total_fen, "units": [asdict(unit) for unit in found]}
            return asdict(await settle_year(pool, arguments.year, "命令行", tell))

    print(json.dumps(asyncio.run(run()), ensure_ascii=False))


def _accrue(arguments: argparse.Namespace) -> None:
    from server.interest import accrue

    print(json.dumps({"amount_fen": _with_connection(accrue, arguments.month)}))


if __name__ == "__main__":
    sys.exit(main())
