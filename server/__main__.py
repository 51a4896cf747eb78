"""The server's commands: serve, migrate, demo, certificates bound and revoked, day-end, books."""

from __future__ import annotations

import argparse
import asyncio
import datetime
import json
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

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
    return parser


def _url() -> str:
    return os.environ["HPF_DATABASE_URL"]


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
    from server.parameters import business_day, end_day

    day = arguments.day or _with_connection(business_day) + datetime.timedelta(days=1)
    print(f"营业日 {_with_connection(end_day, day)}")


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


if __name__ == "__main__":
    sys.exit(main())
