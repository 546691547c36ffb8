"""From the notes of sender and receiver to samples and figures (pure).

Two independent ways to the same latency. *Pixels*: the time stamp drawn into the picture. *Echo*:
the RTP timestamp that the receiver saw, looked up in the sender's table. They must agree. Pictures
that never came count as late.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from statistics import fmean

import msgspec

from bench.kit.model import Figure, Measured, Series
from bench.kit.stats import finite, percentile, share_within, summary
from bench.latency.log import Quality, ReceiverLog, Seen, SenderLog, Sent
from bench.latency.spec import AGREE_MS, IN_TIME_MS, WARM_UP_S, Spec

TAIL_NS = 500_000_000
"""Pictures of the last half second are left out: they may still have been on their way."""
DECODED, PRESENTED = "glass to decoded", "glass to presented"
Stage = Callable[[Sent, Seen], tuple[int, int]]
STAGES: tuple[tuple[str, Stage], ...] = (
    ("capture to encoder", lambda s, r: (s.acquired_ns, s.begun_ns)),
    ("encode", lambda s, r: (s.begun_ns, s.encoded_ns)),
    ("encoder to first packet", lambda s, r: (s.encoded_ns, s.first_sent_ns)),
    ("send (first to last packet)", lambda s, r: (s.first_sent_ns, s.last_sent_ns)),
    ("network", lambda s, r: (s.last_sent_ns, r.arrived_ns)),
    ("reassembly", lambda s, r: (r.arrived_ns, r.begun_ns)),
    ("encoder to decoded", lambda s, r: (s.encoded_ns, r.decoded_ns)),
    ("decode", lambda s, r: (r.begun_ns, r.decoded_ns)),
    ("decoded to presented", lambda s, r: (r.decoded_ns, r.presented_ns)),
)
"""Name, and begin and end of each stage; 0 stands for "not known on this path"."""


def span_of(sent: Sequence[Sent], seen: Sequence[Seen], seconds: float) -> tuple[int, int]:
    """The measured span (ns): the last `seconds` before half a second before the last picture.

    It begins at the warm-up's end where there was less.
    """
    if not sent:
        return 0, 0
    end_ns = max(one.acquired_ns for one in sent) - TAIL_NS
    # Where nothing arrived at all, everything counts as missing.
    first_ns = min((one.decoded_ns for one in seen), default=sent[0].acquired_ns)
    return max(first_ns + round(WARM_UP_S * 1e9), end_ns - round(seconds * 1e9)), end_ns


def measured(spec: Spec, sender: SenderLog, receiver: ReceiverLog) -> Measured:
    """Samples and figures of one video case."""
    start_ns, end_ns = span_of(sender.sent, receiver.seen, spec.seconds)
    sent = [one for one in sender.sent if start_ns <= one.acquired_ns < end_ns]
    pairs = _pairs(sent, receiver.seen)
    decoded = _latency(DECODED, start_ns, sent, pairs, lambda r: r.decoded_ns)
    series = [decoded]
    shown = _superseded(pairs)
    if any(one.presented_ns for one in receiver.seen):
        series.append(_latency(PRESENTED, start_ns, sent, shown, lambda r: r.presented_ns))
    pixels = _pixels(start_ns, end_ns, receiver.seen)
    stages = list(_stages(start_ns, pairs))
    figures = [f for s in series for f in summary(s)] + list(summary(pixels))
    figures += [*share_within(decoded, IN_TIME_MS), _longest_gap(start_ns, end_ns, receiver.seen)]
    figures += [*_losses(spec, sent, pairs, (start_ns, end_ns)), *_agreement(pairs)]
    figures += [f for s in stages for f in summary(s, (50.0, 99.0))]
    if len(series) > 1 and pairs:
        skipped = 100.0 * sum(r.presented_ns == 0 for _, r in pairs) / len(pairs)
        figures.append(Figure("frames replaced by newer ones on the screen", "%", skipped,
                              len(pairs)))  # fmt: skip
    figures += [*_traffic(sender, sent, receiver), *_quality(receiver.quality)]
    return Measured(tuple(figures), (*series, pixels, *stages), (), tuple(_notes(pairs)))


Pairs = list[tuple[Sent, Seen]]


def _pairs(sent: Iterable[Sent], seen: Iterable[Seen]) -> Pairs:
    """Pictures that arrived, each with its first sight, by RTP timestamp or by number."""
    by_rtp: dict[int, Seen] = {}
    by_number: dict[int, Seen] = {}
    for one in seen:
        by_rtp.setdefault(one.rtp, one)
        by_number.setdefault(one.number, one)
    found = ((s, by_rtp.get(s.rtp) if s.rtp >= 0 else by_number.get(s.number)) for s in sent)
    return [(s, r) for s, r in found if r is not None]


def _latency(
    name: str, start_ns: int, sent: Sequence[Sent], pairs: Pairs, end: Callable[[Seen], int]
) -> Series:
    there = [(s, end(r)) for s, r in pairs if end(r) > 0]
    return Series(
        name, "ms", tuple(round((end_ns - s.acquired_ns) / 1e6, 4) for s, end_ns in there),
        tuple(round((s.acquired_ns - start_ns) / 1e9, 4) for s, _ in there),
        len(sent) - len(there), IN_TIME_MS, headline=True,
    )  # fmt: skip


def _superseded(pairs: Pairs) -> Pairs:
    """Pictures that were never presented because a newer one was: they count as presented then.

    A screen shows at most one picture per refresh; what it skips is not late, it is out of date.
    """
    out: Pairs = []
    newer_ns = 0
    for s, r in sorted(pairs, key=lambda pair: pair[0].acquired_ns, reverse=True):
        newer_ns = r.presented_ns or newer_ns
        out.append((s, msgspec.structs.replace(r, presented_ns=newer_ns)))
    return out[::-1]


def _pixels(start_ns: int, end_ns: int, seen: Sequence[Seen]) -> Series:
    """Latency by the stamp in the picture; needs nothing from the sender."""
    first: dict[int, Seen] = {}
    for r in seen:  # with several links, the first copy counts
        if r.number >= 0 and start_ns <= r.time_us * 1000 < end_ns:
            first.setdefault(r.time_us, r)
    read = list(first.values())
    values = tuple(round((r.decoded_ns - r.time_us * 1000) / 1e6, 4) for r in read)
    at_s = tuple(round((r.time_us * 1000 - start_ns) / 1e9, 4) for r in read)
    return Series("glass to decoded by pixels", "ms", values, at_s, line_at=IN_TIME_MS)


def _stages(start_ns: int, pairs: Pairs) -> Iterable[Series]:
    for name, stage in STAGES:
        spans = [(s.acquired_ns, *stage(s, r)) for s, r in pairs]
        known = [(at, a, b) for at, a, b in spans if a > 0 and b > 0]
        if known:
            values = tuple(round((b - a) / 1e6, 4) for _, a, b in known)
            yield Series(name, "ms", values,
                         tuple(round((at - start_ns) / 1e9, 4) for at, _, _ in known))  # fmt: skip


def _longest_gap(start_ns: int, end_ns: int, seen: Sequence[Seen]) -> Figure:
    """Longest time without a new picture, the ends of the span included."""
    times = sorted(r.decoded_ns for r in seen if start_ns <= r.decoded_ns < end_ns)
    if not times:
        return Figure("longest gap", "ms", None)
    edges = [start_ns, *times, end_ns]
    gap_ns = max(b - a for a, b in pairwise(edges))
    return Figure("longest gap", "ms", round(gap_ns / 1e6, 3), len(times))


def _losses(spec: Spec, sent: Sequence[Sent], pairs: Pairs, span: tuple[int, int]
            ) -> Iterable[Figure]:  # fmt: skip
    due = (span[1] - span[0]) / 1e9 * spec.fps
    if sent and due > 0.0:
        lost = 100.0 * (1.0 - len(pairs) / len(sent))
        yield Figure("frames that never came", "%", lost, len(sent))
        yield Figure("frames sent of those due", "%", 100.0 * len(sent) / due, len(sent))


def _agreement(pairs: Pairs) -> Iterable[Figure]:
    """How far pixel stamp and echo differ; on paths without RTP there is only the pixel stamp."""
    both = [abs(r.time_us * 1000 - s.acquired_ns) / 1e6 for s, r in pairs
            if r.number >= 0 and s.rtp >= 0]  # fmt: skip
    if both:
        yield Figure("pixels and echo differ p99", "ms", finite(percentile(both, 99.0)), len(both))
        yield Figure("pixels and echo differ max", "ms", finite(max(both)), len(both))
    unreadable = sum(r.number < 0 for _, r in pairs)
    if pairs:
        yield Figure("stamps unreadable", "%", 100.0 * unreadable / len(pairs), len(pairs))


def _traffic(sender: SenderLog, sent: Sequence[Sent], receiver: ReceiverLog) -> Iterable[Figure]:
    yield Figure("CPU sender", "% of a core", sender.cpu_percent)
    yield Figure("CPU receiver", "% of a core", receiver.cpu_percent)
    if receiver.seen:
        smaller = 100.0 * receiver.smaller / len(receiver.seen)
        yield Figure("pictures sent smaller", "%", smaller, len(receiver.seen))
    sizes = [one.size for one in sent if one.size]
    if len(sent) > 1 and sizes:
        span_s = (sent[-1].acquired_ns - sent[0].acquired_ns) / 1e9
        yield Figure("bitrate", "kb/s", round(8e-3 * sum(sizes) / max(span_s, 1e-3), 1), len(sizes))
        yield Figure("largest picture", "kB", max(sizes) / 1e3, len(sizes))


def _quality(quality: Sequence[Quality]) -> Iterable[Figure]:
    if quality:
        count = len(quality)
        yield Figure("PSNR", "dB", round(fmean(q.psnr_db for q in quality), 2), count)
        yield Figure("SSIM", "", round(fmean(q.ssim for q in quality), 4), count)


def _notes(pairs: Pairs) -> Iterable[str]:
    worst = max((abs(r.time_us * 1000 - s.acquired_ns) / 1e6 for s, r in pairs
                 if r.number >= 0 and s.rtp >= 0), default=0.0)  # fmt: skip
    if worst > AGREE_MS:
        yield (f"pixel stamp and echo differ by up to {worst:.1f} ms (allowed: {AGREE_MS:g}): "
               "one of them is wrong, do not use these figures")  # fmt: skip
    if not pairs:
        yield "no picture of the measured span arrived"
