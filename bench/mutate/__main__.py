"""`python -m bench.mutate`: mutation testing of `safety/`; goes on where it was interrupted."""

from __future__ import annotations

import argparse
import os
import sys
import traceback
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

from bench.mutate import child
from bench.mutate.child import HarnessError, Outcome, Verdict
from bench.mutate.cover import Cover, cover
from bench.mutate.forks import run_forks
from bench.mutate.mutants import Mutant, code, of_safety, sample
from bench.mutate.results import Result, append, known, load, reasons, summary

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "mutation.md"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench.mutate", description=__doc__)
    parser.add_argument("--sample", type=int, default=0, metavar="N", help="N mutants at random")
    parser.add_argument("--seed", type=int, default=1, help="of the sample (default 1)")
    parser.add_argument("--only", default="", metavar="WORD", help="mutants whose name has WORD")
    parser.add_argument("--jobs", type=int, default=max(1, (os.cpu_count() or 2) - 1))
    parser.add_argument("--again", action="store_true", help="run known survivors again")
    parser.add_argument(
        "--stages", type=int, default=len(child.STAGES), help="quick stages of tests only: 1, 2"
    )
    parser.add_argument("--list", action="store_true", help="show the stored results, run nothing")
    parser.add_argument("--out", type=Path, default=ROOT / "runs" / "mutation" / "results.jsonl")
    return parser.parse_args()


def _one(mutant: Mutant, stages: int) -> tuple[Mutant, Outcome]:
    return mutant, child.run(ROOT, mutant.module, mutant.file, code(ROOT, mutant), stages)


def _baseline(stages: int) -> None:
    """The unchanged code must pass, else every verdict would be worth nothing."""
    file = "safety/machine.py"
    unchanged = compile((ROOT / file).read_text("utf-8"), file, "exec")
    found = child.run(ROOT, "safety.machine", file, unchanged, stages)
    if found.verdict in (Verdict.KILLED, Verdict.LOOPED):
        raise HarnessError(f"the tests fail without any change: {found.killer}")


@dataclass(frozen=True, slots=True)
class Runner:
    """Runs mutants in parallel and stores each verdict at once."""

    jobs: int
    stages: int
    out: Path

    def report(self, mutant: Mutant, found: Outcome) -> None:
        """Store and show one verdict."""
        append(self.out, Result(mutant.name, mutant.sha, mutant.line, found.verdict, found.killer,
                                found.cpu_s))  # fmt: skip
        dead = found.verdict in (Verdict.KILLED, Verdict.LOOPED)
        sys.stdout.write(f"{'' if dead else found.verdict.upper()} {mutant.name} {found.killer}\n")
        sys.stdout.flush()

    def functions(self, cover: Cover, todo: list[Mutant]) -> None:
        """Mutants of functions: processes that have collected all tests."""
        workers = []
        for number in range(self.jobs):
            worker = os.fork()
            if worker == 0:
                mine, quick = todo[number :: self.jobs], self.stages < len(child.STAGES)
                try:
                    run_forks(ROOT, cover, mine, self.report, quick=quick)
                except BaseException:
                    traceback.print_exc()
                    os._exit(1)
                os._exit(0)
            workers.append(worker)
        if any(status for _, status in (os.waitpid(worker, 0) for worker in workers)):
            raise HarnessError("a process that runs mutants ended early: see above")

    def modules(self, todo: list[Mutant]) -> None:
        """Mutants of what runs at import: everything is imported anew for each."""
        with ThreadPoolExecutor(self.jobs) as pool:
            waiting = [pool.submit(_one, mutant, self.stages) for mutant in todo]
            for one in as_completed(waiting):
                self.report(*one.result())

    def run(self, todo: list[Mutant]) -> None:
        """Run all of them."""
        known = cover(ROOT, self.out.with_name("cover.json"))
        inner = [m for m in todo if m.inside and not known.at_import(m.file, *m.lines)]
        self.functions(known, inner)
        outer = [m for m in todo if m not in inner]
        if outer:
            _baseline(self.stages)
            self.modules(outer)


def main() -> int:
    """Run the chosen mutants; 1: a survivor has no reason in `docs/mutation.md`."""
    given = _arguments()
    every = of_safety(ROOT)
    chosen = [m for m in sample(every, given.sample, given.seed) if given.only in m.name]
    stored = load(given.out)
    todo = [
        m
        for m in chosen
        if (found := known(stored, m)) is None
        or (given.again and found.verdict == Verdict.SURVIVED)
        or (given.stages == len(child.STAGES) and found.verdict == Verdict.OPEN)
    ]
    sys.stdout.write(f"{len(every)} mutants, {len(chosen)} chosen, {len(todo)} to run\n")
    os.nice(15)
    if todo and not given.list:
        try:
            Runner(given.jobs, given.stages, given.out).run(todo)
        except HarnessError as error:
            sys.stderr.write(f"{error}\n")
            return 2
    stored = load(given.out)
    rows = [found for m in chosen if (found := known(stored, m)) is not None]
    explained = reasons(PAGE)
    sys.stdout.write("\n".join(summary(rows, explained)) + "\n")
    unknown = [r for r in rows if r.verdict == Verdict.SURVIVED and r.name not in explained]
    return 1 if unknown else 0


if __name__ == "__main__":
    sys.exit(main())
