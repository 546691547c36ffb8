"""`python -m teleop.audit --run RUN_DIR --life FD --state DIR`: started by the supervisor."""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path

import uvloop

from teleop.audit.book import Book
from teleop.audit.errors import AuditError
from teleop.audit.service import AuditService
from teleop.gateway.errors import StartError
from teleop.gateway.life import Life
from teleop.gateway.welcome import read_site
from transport.local.mailbox import MailboxError


def origin_of(site: str) -> str:
    """How the name of a robot's log begins."""
    return f"{site}/robot"


async def _serve(run_dir: Path, life_fd: int | None, state: Path) -> None:
    site = read_site(run_dir)
    life = Life(asyncio.get_running_loop(), life_fd)
    with Book(state, origin_of(site.site)) as book:
        await AuditService(run_dir, book, site.boot).run(life)


def main() -> int:
    """Run until told to leave; 0, or 2 with the fix on stderr."""
    parser = argparse.ArgumentParser(prog="teleop.audit")
    parser.add_argument("--run", type=Path, required=True, metavar="RUN_DIR")
    parser.add_argument("--life", type=int, metavar="FD", help="read end of the life pipe")
    parser.add_argument("--state", type=Path, required=True, help="state folder of the site")
    given = parser.parse_args()
    try:
        uvloop.run(_serve(given.run, given.life, given.state))
    except (AuditError, StartError, MailboxError) as error:
        sys.stderr.write(f"audit: {error}\n")
        return 2
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
