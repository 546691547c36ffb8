"""Messages between the processes of one machine (mailboxes and rings).

SI units; frames after REP-103/REP-105: `base` (arm base), `probe` (origin at the centre of the
probe face, z out of the face into the patient, x lateral in the image plane = to the right in the
picture, y elevational, right-handed; the orientation mark is drawn at the left of the picture,
which is -x, as is usual in abdominal imaging). Forces are those *exerted on the patient*, in the
probe frame: pressing is positive z. Quaternions are xyzw. All stamps are CLOCK_MONOTONIC
nanoseconds of this machine. `incarnation` is the start stamp of the writing process: a change means
a restart.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from safety.layout import U64, Layout, Quat, Vec3, Vec7
from safety.states import (
    Alarm,
    ArmInterface,
    Authenticity,
    Cause,
    Clamp,
    Contact,
    ContactState,
    EventKind,
    Instrument,
    NeedlePlan,
    PermitKind,
    Source,
    State,
    Step,
)

FRAME_BYTES = 124
"""Size of a safety frame on the wire (`safety/frame.py`)."""


@dataclass(frozen=True, slots=True)
class ArmState:
    """Arm box to everyone, each arm cycle: what is measured (CRTK measured_js/cp/cv/cf)."""

    incarnation: int
    stamp_ns: int
    q_rad: Vec7
    qd_rad_s: Vec7
    base_p_probe_m: Vec3
    base_q_probe: Quat
    base_v_probe_m_s: Vec3
    base_w_probe_rad_s: Vec3
    force_n: Vec3
    """Sensor reading (noise and delay included), probe frame, z positive into the patient."""
    torque_nm: Vec3
    """About the probe origin, probe frame."""
    force_stamp_ns: int
    """When the force sample was taken."""
    force_valid: bool
    powered: bool
    braked: bool
    """Its brakes are closed. Guard wants to read it within 100 ms of the order."""
    enabled: bool
    """The box sees a valid answer to its challenge."""
    needle_depth_m: float
    """Insertion along the guide's axis from home; 0 = home. NaN: not measured."""
    challenge: int
    """32-bit; guard answers with `safety.enable.answer(challenge)` or the box brakes."""
    command_trips: int
    """How often the box braked because servo was silent for 20 ms."""
    enable_trips: int
    """How often the box braked because guard's answer was missing or wrong for 20 ms."""
    applied_seq: int
    """Sequence of the last servo command applied."""
    simulated: bool
    surface_depth_m: float
    """Simulation truth for measurement only: compression of the skin (m); NaN on a real arm."""
    contact_force_n: float
    """Simulation truth for measurement only: normal force without noise; NaN on a real arm."""
    needle_v_m_s: float
    """Measured speed of the needle axis; NaN: not measured."""
    needle_force_n: float
    """Load cell of the needle axis: force on the patient along the guide, positive while it pushes
    in. The axis hangs on the arm's side of the wrist sensor. NaN: not measured."""
    needle_entry_m: float
    """Simulation truth: depth from home at which the needle met the skin; -1: it has not; NaN on
    a real arm."""
    needle_tip_m: Vec3
    """Simulation truth: the tip in the probe frame, bent as it is; NaN on a real arm."""
    zero_serial: int
    """Newest request of `EnableSignal.zero_serial` that was finished."""
    zero_ok: bool
    """It was accepted: the arm rested, and the new bias is within 3 N of the stored one."""


@dataclass(frozen=True, slots=True)
class ArmCommand:
    """Servo to arm box, each servo cycle (CRTK servo_jv). Silence for 20 ms brakes the arm."""

    stamp_ns: int
    qd_rad_s: Vec7
    brake: bool
    """True: controlled stop, then brakes."""
    needle_v_m_s: float
    tau_nm: Vec7
    """Used with the torque interface only; else zeros."""
    interface: ArmInterface


@dataclass(frozen=True, slots=True)
class EnableSignal:
    """Guard to arm box, each guard cycle: challenge answer and the power line."""

    stamp_ns: int
    answer: int
    power: bool
    brake: bool
    """Guard's own brake order, independent of servo."""
    zero_serial: int
    """Counts what the bedside asked of the force sensor: a new number asks for a new zero."""


@dataclass(frozen=True, slots=True)
class Command:
    """An expert's command as guard accepted it (decoded from the safety frame)."""

    seq: U64
    epoch: U64
    echo_ns: int
    frame_id: int
    dwell_us: int
    deadman: bool
    clutch: bool
    deadman_edges: int
    mode: int
    hand_p_m: Vec3
    """Position of the hand in the probe's view frame (x lateral, y elevational, z along the probe
    axis), accumulated since the page was opened; servo uses differences from an anchor."""
    hand_r_rad: Vec3
    """Orientation of the hand as accumulated tilt about probe x, y, z (rad)."""
    hand_v_m_s: Vec3
    hand_w_rad_s: Vec3
    force_ref_n: float
    """Wanted normal force; below 0.5 N means: stay off the skin (lift off when in contact)."""
    needle_v_m_s: float
    handle: bool
    """A haptic handle: its force reference counts once its hand feels the touch."""
    touch_echo: int
    """Number of the touch that is felt, 0..3; -1: none."""


@dataclass(frozen=True, slots=True)
class Permit:
    """Guard to servo, each guard cycle. No valid permit, no drive (docs/safety-concept.md)."""

    incarnation: int
    epoch: U64
    kind: PermitKind
    state: State
    issued_ns: int
    valid_until_ns: int
    v_max_m_s: float
    """Linear speed cap (free space)."""
    v_contact_m_s: float
    """Tangential speed cap in contact."""
    w_max_rad_s: float
    f_max_n: float
    """Cap of the force reference."""
    travel_max_m: float
    """REGULATE and LIFT: farthest motion along the normal since the permit kind began."""
    new_contact: bool
    needle_advance: bool
    ramp: float
    """0..1, speed ramp after engagement."""
    engagement: int
    """Counts engagements; a change makes servo re-anchor hand and robot (no jump)."""
    command_stamp_ns: int
    """When guard accepted the command below."""
    command: Command
    needle_goal_m: float
    """Confirmed depth from home; the needle is not advanced beyond. 0: no confirmed plan."""
    needle_pivot_rad_s: float
    """Fastest turn of the guide about the entry point while the needle is in; 0: not allowed."""


@dataclass(frozen=True, slots=True)
class ServoReport:
    """Servo to guard, gateway, record: what was really applied."""

    incarnation: int
    stamp_ns: int
    cycle: int
    permit_epoch: U64
    permit_kind: PermitKind
    command_seq: U64
    """Sequence of the command whose motion is applied in this cycle."""
    applied_ns: int
    """When that command was first applied."""
    contact: ContactState
    force_filtered_n: float
    """Normal force, filtered."""
    force_ref_n: float
    """Reference after ramps and caps."""
    base_p_target_m: Vec3
    v_target_m_s: Vec3
    offset_m: float
    """Hand-to-robot offset."""
    offset_rad: float
    stiffness_n_m: float
    clamps: Clamp
    lateness_us: float
    compute_us: float
    overruns: int
    yielding: bool
    lapsed: bool
    """The permit lapsed; only a newer epoch is accepted."""
    needle_v_m_s: float
    """Speed that was ordered from the needle axis."""
    needle_force_n: float
    """Axial needle force, filtered; NaN: not measured."""
    needle_stiffness_n_m: float
    """Estimated stiffness in front of the tip."""
    punctures: int
    """Membranes punctured since this process started: each step is one "pop"."""
    needle_gate: float
    """How far breathing lets the needle advance, 0..1."""
    needle_pivot_rad: float
    """Turn of the guide about the entry point since the needle left home."""
    touch: int
    """Counts touches modulo 4; a haptic hand echoes it."""


@dataclass(frozen=True, slots=True)
class FrameStamp:
    """Media to guard (ring `media.frames`), one per video frame as sent."""

    rtp_timestamp: int
    acquired_ns: int
    content_hash: int
    live: bool
    mark: int
    """The random mark drawn into this frame, -1 for none."""


@dataclass(frozen=True, slots=True)
class MediaStatus:
    """Media to guard, gateway, record: at 50 Hz or more."""

    incarnation: int
    stamp_ns: int
    live: bool
    fps: float
    observe_only: bool
    """A live source under 20 frames/s, or a replay with a real arm."""
    width: int
    height: int
    encode_ms: float
    form_ms: float
    """Image formation time per frame."""
    bitrate_kbps: float
    peers: int
    frames: int


@dataclass(frozen=True, slots=True)
class GatewayStatus:
    """Gateway to guard: at 100 Hz or more; guard judges its age by its own clock."""

    incarnation: int
    stamp_ns: int
    console_session: int
    """Session that holds the lease, 0 for none."""
    console_open: bool
    """Command channel of the lease holder is open."""
    video_open: bool
    bedside_session: int
    """0 for none."""
    bedside_beat: int
    """Counts heartbeats received from the bedside page."""
    bedside_visible: bool
    bedside_sound: bool
    observers: int
    talk: bool
    lease_changes: int
    frames_rejected: int
    """Command-channel messages refused before guard (size, rate, role)."""
    links: int
    """Network links configured between console and robot."""
    link_silent_ms: float
    """Silence of the link that is silent longest, while the console is connected; else 0."""


@dataclass(frozen=True, slots=True)
class GuardEvent:
    """Unix datagram to guard: what a person (or the supervisor) did."""

    kind: EventKind
    source: Source
    arg: int
    session: int
    sent_ns: int
    serial: int


@dataclass(frozen=True, slots=True)
class GuardReport:
    """Guard to everyone, each guard cycle: state, causes, ages, what is shown at both ends."""

    incarnation: int
    stamp_ns: int
    nonce: int
    """Stamp and nonce are the echo heartbeat sent to the console."""
    cycle: int
    state: State
    since_ns: int
    first_out: Cause
    causes: int
    """Latched bit mask of Cause."""
    live_causes: int
    """Bit mask of causes present right now."""
    alarm: Alarm
    step: Step
    epoch: U64
    engagement: int
    permit: PermitKind
    v_max_m_s: float
    f_max_n: float
    contact: Contact
    instrument: Instrument
    clamps: Clamp
    age_ms: float
    """Age of the command in use; -1: none."""
    loop_ms: float
    image_ms: float
    """Age of the newest frame reported as presented (robot clock)."""
    haptic_ms: float
    slots_missed: int
    bucket_ms: float
    qualified: float
    """Progress of link qualification, 0..1."""
    mark: int
    """Number to draw into the live picture, -1 none."""
    mark_ok: bool
    stop_tested: bool
    bedside_input: bool
    bedside_page: bool
    consent: bool
    consent_until_ns: int
    acknowledged: bool
    deadman: bool
    session: int
    """Console session the lease belongs to."""
    commands_accepted: int
    commands_rejected: int
    last_rejection: int
    """`safety.gate.Rejection` of the last refused frame, 0 none."""
    limits_hash: int
    limits_widened: bool
    simulated: bool
    lateness_us: float
    compute_us: float
    overruns: int
    braked: bool
    at_rest: bool
    powered: bool
    force_n: float
    stop_ms: float
    """From the order to measured standstill of the last stop; -1: not at rest yet or none."""
    stop_force_n: float
    """Normal force measured when the last stop reached standstill."""
    needle_plan: NeedlePlan
    needle_goal_m: float
    """Depth of the proposed or confirmed plan, from home; 0: none."""
    needle_advance: bool
    """The permit of this step lets the needle advance."""
    needle_attempts: int
    """How often the needle was advanced from home under this instrument declaration."""


MAX_EVENTS = 4
MAX_FRAMES = 4


@dataclass(frozen=True, slots=True)
class GuardInputs:
    """Everything one guard step depends on; recorded whole, so that replay is exact."""

    now_ns: int
    lateness_us: float
    nonce: int
    """Fresh random 32 bits for the stamp of this step (randomness is an input)."""
    arm_seq: int
    arm: ArmState
    servo_seq: int
    servo: ServoReport
    gateway_seq: int
    gateway: GatewayStatus
    media_seq: int
    media: MediaStatus
    frame_seq: int
    """Mailbox sequence of the raw safety frame; 0: none yet. Same as before: no new frame."""
    frame: Annotated[bytes, FRAME_BYTES]
    stamps: Annotated[tuple[FrameStamp, ...], MAX_FRAMES]
    """New video frames since the last step (rtp_timestamp -1: empty)."""
    events: Annotated[tuple[GuardEvent, ...], MAX_EVENTS]
    """New events since the last step (kind NONE: empty)."""
    bedside_input: bool
    """The independent bedside input is open and readable."""
    supervisor: bool
    epoch_durable: U64
    """Highest epoch that is safely on disk."""
    authenticity: Authenticity
    """Of `frame`: the shell judges it, so that no key is ever recorded."""


@dataclass(frozen=True, slots=True)
class GuardOutputs:
    """What one guard step decides."""

    permit: Permit
    enable: EnableSignal
    report: GuardReport
    epoch_wanted: U64
    """Guard's shell makes this durable before the next step; permits wait for it."""


@dataclass(frozen=True, slots=True)
class GuardStep:
    """One record of the guard log."""

    inputs: GuardInputs
    outputs: GuardOutputs


@dataclass(frozen=True, slots=True)
class ServoInputs:
    """Everything one servo step depends on."""

    now_ns: int
    lateness_us: float
    arm_seq: int
    arm: ArmState
    permit_seq: int
    permit: Permit


@dataclass(frozen=True, slots=True)
class ServoOutputs:
    """What one servo step decides."""

    command: ArmCommand
    report: ServoReport


@dataclass(frozen=True, slots=True)
class ServoStep:
    """One record of the servo log."""

    inputs: ServoInputs
    outputs: ServoOutputs


ARM_STATE = Layout(ArmState)
ARM_COMMAND = Layout(ArmCommand)
ENABLE = Layout(EnableSignal)
PERMIT = Layout(Permit)
SERVO_REPORT = Layout(ServoReport)
FRAME_STAMP = Layout(FrameStamp)
MEDIA_STATUS = Layout(MediaStatus)
GATEWAY_STATUS = Layout(GatewayStatus)
GUARD_EVENT = Layout(GuardEvent)
GUARD_REPORT = Layout(GuardReport)
GUARD_STEP = Layout(GuardStep)
SERVO_STEP = Layout(ServoStep)
