"""Vocabulary of the safety machine: states, causes, permits, instruments, clamps, events.

Numbers are part of the wire and of recordings: append, never renumber.
"""

from enum import IntEnum, IntFlag


class State(IntEnum):
    """States of docs/safety-concept.md; see `safety/transitions.py` for the table."""

    INIT = 0
    IDLE = 1
    CONNECTED = 2
    QUALIFIED = 3
    ARMED = 4
    ACTIVE = 5
    DEGRADED = 6
    HOLD = 7
    SAFE_STOP = 8
    LOCAL = 9
    ESTOP = 10
    FAULT = 11


class Cause(IntEnum):
    """Why the machine left a state; also the bit number in a cause mask. Text: `cause.NAME`."""

    NONE = 0
    OPERATOR_RELEASE = 1
    COMMAND_AGE = 2
    MISSED_SLOTS = 3
    LOOP_LATENCY = 4
    PICTURE_FROZEN = 5
    PICTURE_STALE = 6
    PICTURE_NOT_LIVE = 7
    FRAME_ID_INVALID = 8
    COMMAND_INVALID = 9
    CONSOLE_LOST = 10
    CONSOLE_STOP = 11
    LEASE_CHANGED = 12
    LIMITS_MISMATCH = 13
    BEDSIDE_PAGE_LOST = 14
    BEDSIDE_PAGE_HIDDEN = 15
    BEDSIDE_SOUND_OFF = 16
    BEDSIDE_INPUT_LOST = 17
    BEDSIDE_STOP = 18
    BEDSIDE_ESTOP = 19
    BEDSIDE_TOOK_ARM = 20
    PATIENT_DISCOMFORT = 21
    GATEWAY_LOST = 22
    GATEWAY_RESTARTED = 23
    MEDIA_LOST = 24
    MEDIA_RESTARTED = 25
    LINK_UNSTABLE = 26
    HOLD_TOO_LONG = 27
    CONSENT_EXPIRED = 28
    FORCE_OVER_LIMIT = 29
    FORCE_SENSOR_INVALID = 30
    INSTRUMENT_UNKNOWN = 31
    WORKSPACE = 32
    SPEED_OVER_PERMIT = 33
    STANDSTILL_VIOLATED = 34
    ARM_SILENT = 35
    ARM_POWER_LOST = 36
    SERVO_LOST = 37
    SERVO_IGNORES_PERMIT = 38
    BRAKE_FAILED = 39
    GUARD_OVERRUN = 40
    GUARD_RESTARTED = 41
    SUPERVISOR_LOST = 42
    SHUTDOWN = 43
    EPOCH_STORE_FAILED = 44
    INTERNAL_ERROR = 45
    SERVO_RESTARTED = 46
    ARM_RESTARTED = 47
    LINK_LOST = 48
    FORCE_RATE_OVER_LIMIT = 49
    CONTACT_POWER_OVER_LIMIT = 50
    POSE_INVALID = 51


class PermitKind(IntEnum):
    """What motion a permit allows (docs/safety-concept.md)."""

    NONE = 0
    OPERATE = 1
    REGULATE = 2
    LIFT = 3
    LOCAL = 4


class Instrument(IntEnum):
    """What the bedside declared to be mounted, in this power-on."""

    UNKNOWN = 0
    NONE = 1
    PROBE = 2
    PROBE_NEEDLE = 3


class Contact(IntEnum):
    """Safety's knowledge of contact; UNKNOWN is treated as NEEDLE_IN_TISSUE."""

    UNKNOWN = 0
    NONE = 1
    SKIN = 2
    NEEDLE_IN_TISSUE = 3


class ContactState(IntEnum):
    """Servo's contact control states (PRESS is force control; HOLD is a safety state)."""

    FREE = 0
    APPROACH = 1
    TOUCH = 2
    PRESS = 3
    LOST = 4


class Clamp(IntFlag):
    """What was clamped and why, shown in words at both ends. Text: `clamp.NAME`."""

    NONE = 0
    SPEED = 1
    ROTATION_SPEED = 2
    FORCE_REFERENCE = 4
    WORKSPACE = 8
    TILT = 16
    NO_NEW_CONTACT = 32
    RAMP = 64
    HAND_SLIP = 128
    NEEDLE_BLOCKED = 256
    DEGRADED_SPEED = 512
    JOINT_LIMIT = 1024
    CONTACT_NOT_FOUND = 2048
    SINGULARITY = 4096
    NEEDLE_FORCE = 8192
    NEEDLE_DEPTH = 16384
    NEEDLE_BREATHING = 32768


class Alarm(IntEnum):
    """Alarm priority after IEC 60601-1-8 style (no conformity claimed)."""

    NONE = 0
    LOW = 1
    MEDIUM = 2
    HIGH = 3


class Source(IntEnum):
    """Where an event came from."""

    BEDSIDE_PAGE = 0
    BEDSIDE_KEY = 1
    CONSOLE = 2
    SUPERVISOR = 3


class EventKind(IntEnum):
    """What people (and the supervisor) tell guard; who may send which: `safety/roles.py`."""

    NONE = 0
    STOP = 1
    """Bedside: SAFE_STOP. Console: HOLD. `arg` 1 = pressed, 0 = released (held 2 s: ESTOP)."""
    ESTOP = 2
    ALLOW_MOTION = 3
    """Bedside consent ("arm / allow motion")."""
    LIFT = 4
    """Hold-to-run lift-off: repeated at 10 Hz or more while pressed, `arg` 0 = released."""
    LOCAL_ENTER = 5
    LOCAL_EXIT = 6
    DISCOMFORT = 7
    DECLARE_INSTRUMENT = 8
    """`arg` is an Instrument."""
    NEEDLE_CLEAR = 9
    ACKNOWLEDGE = 10
    """The first-out cause was read (console for SAFE_STOP, ESTOP, FAULT)."""
    MARK_ANSWER = 11
    """`arg` is the number the expert read in the live picture."""
    SHUTDOWN = 12
    HANDOVER_CONFIRM = 13
    REVOKE_MOTION = 14
    """Bedside withdraws its consent without a stop (HOLD when moving, else back to QUALIFIED)."""
    NEEDLE_PROPOSE = 15
    """Console: `arg` is the planned depth from the needle's home (10 um); 0 takes it back."""
    NEEDLE_CONFIRM = 16
    """Bedside: `arg` repeats the proposed depth, so that only what was shown is confirmed."""
    NEEDLE_ABORT = 17
    """Bedside denies the plan, or either end ends it: no further advance, withdrawal allowed."""
    FORCE_ZERO = 18
    """Bedside: the probe is in the air; take the force reading as zero."""


class ArmInterface(IntEnum):
    """What a command to the arm means (CRTK names)."""

    VELOCITY = 0
    """`servo_jv`: joint velocities."""
    TORQUE = 1
    """`servo_jf`: joint torques without gravity; the box holds the weight of arm and tool."""


class NeedlePlan(IntEnum):
    """What is agreed about the needle. Text: `needle_plan.NAME`."""

    NONE = 0
    PROPOSED = 1
    """The expert proposed a path; the bedside has not answered."""
    CONFIRMED = 2
    """The bedside confirmed exactly this path: advancing is allowed."""


class Process(IntEnum):
    """The processes of `teleop/processes.py`."""

    SUPERVISOR = 0
    ARM = 1
    SERVO = 2
    GUARD = 3
    GATEWAY = 4
    MEDIA = 5
    RECORD = 6


class Step(IntEnum):
    """What is missing before the arm may move, in a newcomer's order. Text: `step.NAME`."""

    NONE = 0
    WAIT_FOR_ARM = 1
    JOIN_BEDSIDE = 2
    TEST_STOP = 3
    DECLARE_INSTRUMENT = 4
    JOIN_CONSOLE = 5
    WAIT_FOR_LINK = 6
    READ_MARK = 7
    ALLOW_MOTION = 8
    HOLD_DEADMAN = 9
    RELEASE_DEADMAN = 10
    ACKNOWLEDGE = 11
    CLEAR_CAUSE = 12
    LEAVE_LOCAL = 13
    SOUND_OFF = 14


class Authenticity(IntEnum):
    """What guard found out about the newest safety frame (`safety/authentic.py`)."""

    NO_KEY = 0
    """No key was agreed for the session that the frame names."""
    GENUINE = 1
    FORGED = 2
