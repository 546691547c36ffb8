"""The share of lost packets over a second, whatever a single report says."""

from __future__ import annotations

import random

import pytest

from transport.losswindow import FEWEST, WINDOW_NS, LossWindow

MS = 1_000_000


def test_reports_of_four_packets_say_nothing_by_themselves() -> None:
    """Chromium reports between a packet and its copy: one of four seems lost, and comes later."""
    window, seed = LossWindow(), random.Random(1)
    shares = []
    for number in range(300):
        late = 1 if seed.random() < 0.2 else 0
        share = window.reported(late, 1000 + 24 * number, number * 33 * MS)
        if share is not None:
            shares.append(share)
    assert len(shares) == 9, "one for each second of ten, but the first"
    assert max(shares) < 0.002


@pytest.mark.parametrize(("lost", "share"), [(0, 0.0), (10, 0.01), (250, 0.25), (2000, 1.0)])
def test_the_share_is_what_the_totals_gained(lost: int, share: float) -> None:
    window = LossWindow()
    assert window.reported(7, 500, 0) is None
    assert window.reported(7 + lost, 1500, WINDOW_NS) == pytest.approx(share)


@pytest.mark.parametrize(
    ("later_ns", "packets", "told"),
    [
        (WINDOW_NS - 1, 1000, False),
        (WINDOW_NS, 1000, True),
        (WINDOW_NS, FEWEST - 1, False),
        (WINDOW_NS, FEWEST, True),
    ],
)
def test_a_window_has_a_least_time_and_a_least_number(
    later_ns: int, packets: int, told: bool
) -> None:
    window = LossWindow()
    window.reported(0, 0, 0)
    assert (window.reported(0, packets, later_ns) is not None) is told


def test_totals_wrap_go_back_and_start_anew() -> None:
    window = LossWindow()
    window.reported(0x7FFFFF, 0xFFFFFF00, 0)
    assert window.reported(-0x800000 + 9, 0x0000_00F4, WINDOW_NS) == pytest.approx(10 / 500)
    assert window.reported(0, 3, 2 * WINDOW_NS) is None, "another receiver: begin anew"
    assert window.reported(20, 203, 3 * WINDOW_NS) == pytest.approx(0.1)
    assert window.reported(5, 403, 4 * WINDOW_NS) == 0.0, "late ones came: less than none lost"
