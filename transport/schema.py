"""The wire schema: signalling (JSON), telemetry (MessagePack), heartbeats (fixed bytes).

Commands are safety frames (`safety/frame.py`). Everything that crosses a machine boundary is
described here once; `transport/describe.py` generates the JavaScript description and the docs.
SI units and the frames of `safety/messages.py` unless a field name says otherwise. Sizes are
capped before parsing; unknown fields are refused in signalling, ignored in telemetry.
"""

from __future__ import annotations

import struct
from enum import StrEnum
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

PROTOCOL_VERSION = 1
MAX_SIGNAL_BYTES = 65536
"""Largest signalling message (SDP included)."""
MAX_TELEMETRY_BYTES = 1100
"""One SCTP chunk: telemetry is never fragmented."""

HEARTBEAT = struct.Struct("<HHQIQ")
"""magic 0x4245 ("EB"), number (modulo 2^16), stamp_ns, nonce, epoch: robot -> console, 200 Hz or
more. The same bytes go over every link."""
HEARTBEAT_MAGIC = 0x4245

LINK_REPORT = struct.Struct("<HHQQIHHI")
"""magic 0x4C45 ("EL"), number of the report on this link (modulo 2^16), newest heartbeat stamp_ns
heard on this link (0: none), console's clock (us), time since that heartbeat (us), heartbeats sent
and received on this link (modulo 2^16), one-way delay variation (us): console -> robot, 20 Hz on
each link."""
LINK_REPORT_MAGIC = 0x4C45
LINK_REPORT_HZ = 20

CHANNEL_COMMAND = "command"
"""Data channel, unordered, 0 retransmits: safety frames and link reports up, heartbeats down."""
CHANNEL_TELEMETRY = "telemetry"
"""Data channel, unordered, 0 retransmits: `Telemetry` down, 100 Hz or more."""
CHANNEL_HAPTIC = "haptic"
"""Data channel, unordered, 0 retransmits: force frames down (`transport/force_frame.py`), 100 Hz or
more. Optional: a console with a haptic handle opens it."""


class Role(StrEnum):
    """Who a page is."""

    CONSOLE = "console"
    BEDSIDE = "bedside"
    OBSERVER = "observer"


Text64 = Annotated[str, Meta(max_length=64)]
Text256 = Annotated[str, Meta(max_length=256)]
Sdp = Annotated[str, Meta(max_length=32768)]
U32 = Annotated[int, Meta(ge=0, le=0xFFFFFFFF)]
MAX_LINKS = 4
"""Network links at once; two is the usual number."""
LinkNumber = Annotated[int, Meta(ge=0, le=MAX_LINKS - 1)]


class Signal(msgspec.Struct, frozen=True, tag_field="type", forbid_unknown_fields=True):
    """Base of all signalling messages."""


class Challenge(Signal, frozen=True, tag="challenge"):
    """First message of the server: nonce for the device signature."""

    version: int
    nonce: Text64


class Hello(Signal, frozen=True, tag="hello"):
    """First message of a page: a one-time join code, or the token it was exchanged for.

    `device_key` is the page's public key (base64url of an uncompressed P-256 point, 65 bytes);
    `signature` signs `nonce + "|" + (code or token)` with it (ECDSA, SHA-256, IEEE P1363,
    base64url).
    """

    version: int
    device_key: Text256
    signature: Text256
    code: Text64 = ""
    token: Text256 = ""
    client: Literal["browser", "native"] = "browser"
    language: Literal["en", "zh"] = "en"


class LinkInfo(msgspec.Struct, frozen=True):
    """One network link of the robot, as its pages are told."""

    name: str
    address: str
    """The robot's address on this link; empty: the one the page came from."""
    datagram_port: int
    """UDP port for datagrams of native consoles (`transport/datagrams.py`); 0: none."""


class Welcome(Signal, frozen=True, tag="welcome"):
    """The server let the page in."""

    version: int
    role: Role
    session: U32
    """Number of this page's session; rides on every command frame."""
    token: str
    lease: bool
    """This console drives."""
    limits_hash: U32
    limits: dict[str, float]
    """Limits for display, name -> value (numeric scalars of `safety.limits.Limits`)."""
    simulated: bool
    widened: bool
    display_lag_ms: float
    video: dict[str, float]
    """width, height, fps, and image geometry: depth_m, mm_per_px, apex_x_px, apex_y_px."""
    room_view: bool
    links: tuple[LinkInfo, ...]
    """A page makes one command and one video connection per link."""
    repeat_after_ms: float
    """While one link works: each command goes out again this much later; 0: never."""


class Refused(Signal, frozen=True, tag="refused"):
    """The server says no. `reason` is a key of the text table (`refused.REASON`)."""

    reason: Text64
    detail: Text256 = ""
    close: bool = False
    link: int = -1
    """The link it is about; -1: all."""


class Offer(Signal, frozen=True, tag="offer"):
    """A page offers a peer connection. command: console only; video: console and observer."""

    peer: Literal["command", "video"]
    sdp: Sdp
    link: LinkNumber = 0
    proof: Text256 = ""
    """The device's signature of it (`transport/binding.py`), base64url; without it: refused."""


class Answer(Signal, frozen=True, tag="answer"):
    """The server's answer, complete with candidates (no trickle)."""

    peer: Literal["command", "video"]
    sdp: Sdp
    link: int = 0
    proof: Text256 = ""
    """The site's signature of offer and answer, base64url."""
    site_key: Text64 = ""
    """The site's public Ed25519 key."""


class Talk(Signal, frozen=True, tag="talk"):
    """Voice and room camera between console and bedside, relayed unread (peer to peer)."""

    kind: Literal["offer", "answer", "ice", "bye"]
    data: Sdp = ""


class Phrase(Signal, frozen=True, tag="phrase"):
    """A ready phrase from console to bedside (or back); `phrase.ID` of the text table."""

    id: Text64


class Event(Signal, frozen=True, tag="event"):
    """What a person did; `name` is a `safety.states.EventKind` name, allowed by role."""

    name: Text64
    arg: Annotated[int, Meta(ge=-(2**31), le=2**31 - 1)] = 0


class Beat(Signal, frozen=True, tag="beat"):
    """Bedside page heartbeat, 10 Hz (the server answers with `Status` at 20 Hz)."""

    seq: U32
    visible: bool
    sound: bool


Wait = Annotated[float, Meta(ge=-100.0, le=200.0)]
"""A time before (or, by the page's clocks, just after) a display frame, ms."""


class ImageSettings(Signal, frozen=True, tag="image"):
    """Console: how the picture is formed. All optional."""

    gain_db: Annotated[float, Meta(ge=-30, le=30)] | None = None
    depth_m: Annotated[float, Meta(ge=0.04, le=0.24)] | None = None
    dynamic_range_db: Annotated[float, Meta(ge=30, le=90)] | None = None


class Presented(Signal, frozen=True, tag="presented"):
    """Console, once a second: how long the last pictures waited for the screen.

    From these the picture source keeps in step with the expert's screen (`transport/genlock.py`).
    """

    refresh_ms: Annotated[float, Meta(ge=2.0, le=50.0)]
    """Time between two display frames, the mean of the last second."""
    waits_ms: Annotated[tuple[Wait, ...], Meta(max_length=128)]
    """From decoded to the display frame, one for each picture that was shown."""
    skipped: Annotated[int, Meta(ge=0, le=1000)] = 0
    """Pictures that the next one replaced before the screen took them."""


class ImageState(Signal, frozen=True, tag="image_state"):
    """Server: geometry and settings now in force (after a change, and on joining)."""

    gain_db: float
    depth_m: float
    dynamic_range_db: float
    mm_per_px: float
    apex_x_px: float
    apex_y_px: float
    live: bool
    source: str


class Ping(Signal, frozen=True, tag="ping"):
    """Round trip of the signalling path; the server returns `Pong`."""

    seq: U32


class Pong(Signal, frozen=True, tag="pong"):
    """Answer to `Ping`."""

    seq: U32


class LeaseRequest(Signal, frozen=True, tag="lease"):
    """A second console asks to drive (the bedside confirms with HANDOVER_CONFIRM)."""

    want: bool


Picture = Annotated[float, Meta(ge=-0.2, le=0.3)]
"""A coordinate in the picture's plane, probe frame (m)."""


class Avoid(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A vessel or bone that the expert marked in the picture."""

    kind: Literal["vessel", "bone"]
    x_m: Picture
    z_m: Picture
    radius_m: Annotated[float, Meta(ge=0.0, le=0.05)]


class NeedlePath(Signal, frozen=True, tag="needle_path"):
    """Console: the path that the expert proposes, target and entry as clicked.

    The server checks it, tells guard, and shows it at the bedside.
    """

    target_x_m: Picture
    target_z_m: Picture
    entry_x_m: Picture
    entry_z_m: Picture
    avoid: Annotated[tuple[Avoid, ...], Meta(max_length=8)] = ()


class NeedleTip(Signal, frozen=True, tag="needle_tip"):
    """Console: where the expert sees the tip in the picture."""

    x_m: Picture
    z_m: Picture


class NeedleState(Signal, frozen=True, tag="needle"):
    """Server to all pages: the needle's work (after each change, and on joining)."""

    stage: Text64
    """`teleop.needle.workflow.Stage` name."""
    refused: Text64
    """Why the last path was refused (`needle_refused.REASON`); empty: it was not."""
    path: NeedlePath | None
    depth_m: float
    """From home to the target along the guide."""
    offset_m: float
    """Of the target from the guide's line."""
    margin_vessel_m: float
    margin_bone_m: float
    """Least distance of the path from what was marked; -1: nothing marked."""
    tips: tuple[tuple[float, float], ...]
    """Where the tip was seen, (x, z)."""
    guide: tuple[float, float, float, float]
    """Needle guide in the picture's plane: tip at home (x, z) and insertion axis (x, z)."""
    report: NeedleReport | None
    target: tuple[float, float] | None
    """Where the planned target is in the picture now: it moves when the guide turns."""
    arrival: tuple[float, float] | None
    """Where the tip will be at the target's depth; none: no tip was marked."""
    aim_off_m: float
    """Distance of `arrival` from the target, positive to its right."""
    aim_turn_rad: float
    """Turn of the guide that would bring it there."""


class NeedleReport(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What came of an insertion."""

    outcome: Text64
    target_m: tuple[float, float]
    tip_m: tuple[float, float]
    """Last seen (x, z), or by the axis when it was not marked."""
    seen: bool
    error_m: float
    depth_m: float
    peak_force_n: float
    punctures: int
    attempts: int
    seconds: float


class Peers(Signal, frozen=True, tag="peers"):
    """Server: who is here."""

    console: bool
    bedside: bool
    observers: int
    lease_session: U32
    lease_wanted_by: U32
    """Session of a console that asked to drive; 0: none."""


class Status(Signal, frozen=True, tag="status"):
    """Server to bedside and observer, 20 Hz and on every change of state (reliable)."""

    telemetry: Telemetry


class LinkState(msgspec.Struct, frozen=True, array_like=True):
    """Quality of one link of the driving console; -1: not known."""

    open: bool
    silent_ms: int
    """Since anything was heard, in the direction that is silent longer."""
    rtt_us: int
    loss_up_permille: int
    """Lost on the way to the robot, over the last one to two seconds."""
    loss_down_permille: int
    variation_up_us: int
    """Largest one-way delay over the smallest (RFC 5481 PDV), the last one to two seconds."""
    variation_down_us: int


class Telemetry(msgspec.Struct, frozen=True, array_like=True):
    """Robot to pages. On the data channel as a MessagePack array in this order (append only)."""

    stamp_us: int
    """Robot monotonic time (us), 53 bits."""
    seq: int
    state: int
    state_ms: float
    """Time in this state."""
    first_out: int
    causes: int
    live_causes: int
    alarm: int
    step: int
    epoch: int
    engagement: int
    permit: int
    contact: int
    """`safety.states.Contact`."""
    contact_state: int
    """`safety.states.ContactState`."""
    instrument: int
    clamps: int
    force_n: float
    force_ref_n: float
    """Reference after ramps and caps."""
    f_max_n: float
    v_max_m_s: float
    probe_p_m: tuple[float, float, float]
    probe_q: tuple[float, float, float, float]
    probe_v_m_s: tuple[float, float, float]
    q_rad: tuple[float, float, float, float, float, float, float]
    offset_m: float
    loop_ms: float
    loop_p50_ms: float
    loop_p95_ms: float
    loop_p99_ms: float
    age_ms: float
    age_p50_ms: float
    age_p95_ms: float
    age_p99_ms: float
    image_ms: float
    haptic_ms: float
    slots_missed: int
    qualified: float
    mark_shown: bool
    """A mark is drawn into the live picture and waits for the expert's answer."""
    mark_ok: bool
    stop_tested: bool
    bedside_input: bool
    bedside_page: bool
    consent: bool
    consent_left_s: float
    acknowledged: bool
    deadman: bool
    session: int
    fps: float
    live: bool
    observe_only: bool
    stop_ms: float
    """Order to standstill of the last stop; -1: none."""
    stop_force_n: float
    needle_depth_m: float
    powered: bool
    braked: bool
    simulated: bool
    widened: bool
    servo_lateness_us: float
    record_drops: int
    commands_accepted: int
    commands_rejected: int
    last_rejection: int
    links: tuple[LinkState, ...]
    """In the order of `Welcome.links`."""
    not_real_time: bool
    """A control loop was refused real-time rights: its cycles may be late."""
    needle_v_m_s: float
    """Speed ordered from the needle axis."""
    needle_force_n: float
    needle_plan: int
    """`safety.states.NeedlePlan`."""
    needle_goal_m: float
    """Depth of the plan from home; 0: none."""
    needle_advance: bool
    punctures: int
    """Counts membranes: each step is one "pop"."""
    needle_gate: float
    needle_pivot_rad: float
    needle_attempts: int
    zero_serial: int
    """Newest force zero that the arm finished (low 32 bits)."""
    zero_ok: bool
    """What became of it."""


class KeyOffer(Signal, frozen=True, tag="key_offer"):
    """Keys to console, relayed unread: base64url of the offer of `transport/keyagreement.py`."""

    data: Annotated[str, Meta(max_length=4096)]


class KeyReply(Signal, frozen=True, tag="key_reply"):
    """Console to keys, relayed unread: the reply to the newest offer."""

    data: Annotated[str, Meta(max_length=4096)]


class KeyDone(Signal, frozen=True, tag="key_done"):
    """Keys to console: guard has the key; frames are signed with it from now on."""

    data: Text64
    suite: int
    """For display: 1 X25519, 2 ML-KEM-768, 4 pin, 8 key source."""
    trust: Literal["pin", "enrolled", "gateway"]
    """For display: why the console is believed."""


class Audit(Signal, frozen=True, tag="audit"):
    """Either way, relayed unread: the audit logs of both sites watch each other (docs/audit.md)."""

    data: Annotated[str, Meta(max_length=8192)]
    """JSON text: a signed head, or the signature of one."""


FromPage = (
    Hello | Offer | Talk | Phrase | Event | Beat | ImageSettings | Presented | Ping
    | LeaseRequest | NeedlePath | NeedleTip | KeyReply | Audit
)  # fmt: skip
"""Union of what a page may send."""
FromServer = (
    Challenge
    | Welcome
    | Refused
    | Answer
    | Talk
    | Phrase
    | ImageState
    | Pong
    | Peers
    | Status
    | NeedleState
    | KeyOffer
    | KeyDone
    | Audit
)
"""Union of what the server sends."""
