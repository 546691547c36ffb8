"""All checks in the order in which a newcomer can act on them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from teleop.doctor import machine, packages, surroundings
from teleop.doctor.finding import Finding, Grade, bad


def all_checks(quick: bool) -> tuple[Callable[[], Finding], ...]:
    """The checks; `quick` shortens the loop test."""
    return (
        packages.check_python,
        packages.check_environment,
        packages.check_ours,
        packages.check_versions,
        packages.check_physics,
        packages.check_encoder,
        machine.check_cores,
        machine.check_fifo,
        machine.check_mlock,
        machine.check_governor,
        machine.check_clock_source,
        machine.check_shared_memory,
        lambda: machine.check_jitter(1.0 if quick else 5.0),
        surroundings.check_port,
        surroundings.check_udp,
        surroundings.check_disk,
        surroundings.check_browser,
        surroundings.check_terminal,
        surroundings.check_git,
    )


def run_checks(checks: tuple[Callable[[], Finding], ...]) -> Iterator[Finding]:
    """Run each check; one that fails itself is a finding, not the end."""
    for check in checks:
        try:
            yield check()
        except Exception as error:  # a doctor looks at broken machines: show it and go on
            name = getattr(check, "__name__", "check")
            yield bad(name, f"the check itself failed: {error!r}", "report this line")


def worst(findings: list[Finding]) -> Grade:
    """The worst grade."""
    grades = {f.grade for f in findings}
    return next((g for g in (Grade.FAIL, Grade.WARN) if g in grades), Grade.OK)
