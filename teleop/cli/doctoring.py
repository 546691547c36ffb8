"""`teleop doctor`: one line per check, the fix on the next line."""

from __future__ import annotations

import dataclasses
import json

from rich.console import Console
from rich.text import Text

from teleop.doctor.finding import Finding, Grade
from teleop.doctor.run import all_checks, run_checks, worst

MARKS = {Grade.OK: ("✓", "green"), Grade.WARN: ("!", "yellow"), Grade.FAIL: ("✗", "red")}
EXIT_MISSING = 3


def show_doctor(json_wanted: bool, quick: bool) -> int:
    """Run the checks and print them; return the exit code."""
    findings: list[Finding] = []
    console = Console(highlight=False, markup=False, emoji=False)
    for finding in run_checks(all_checks(quick)):
        findings.append(finding)
        if not json_wanted:
            _print(console, finding)
    grade = worst(findings)
    if json_wanted:
        rows = [dataclasses.asdict(f) for f in findings]
        print(json.dumps({"grade": grade, "checks": rows}, ensure_ascii=False, indent=1))
    else:
        console.print(_verdict(grade), soft_wrap=True)
    return EXIT_MISSING if grade is Grade.FAIL else 0


def _print(console: Console, finding: Finding) -> None:
    mark, colour = MARKS[finding.grade]
    line = Text(f"{mark} ", colour).append(f"{finding.name}: ", "bold").append(finding.detail, "")
    console.print(line, soft_wrap=True)
    if finding.fix:
        console.print(Text(f"    fix: {finding.fix}", "cyan"), soft_wrap=True)


def _verdict(grade: Grade) -> str:
    if grade is Grade.FAIL:
        return "Not ready: put the lines with ✗ right first."
    if grade is Grade.WARN:
        return "Ready, with the limits shown by !. Next: teleop demo"
    return "Ready. Next: teleop demo"
