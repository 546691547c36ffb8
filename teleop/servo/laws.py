"""The control law of an arm's interface, with the gains and options of this product."""

from __future__ import annotations

from haptics.admittance import Admittance
from haptics.explicit_force import ExplicitForce
from haptics.force_law import ForceOptions
from haptics.iiwa import IIWA, IIWA_MODEL
from haptics.stiffness import StiffnessEstimate
from safety.limits import Limits
from safety.states import ArmInterface
from teleop.servo.cartesian_law import CartesianLaw
from teleop.servo.drive import Drive, VelocityDrive
from teleop.servo.impedance_drive import ImpedanceDrive
from teleop.servo.normal_axis import NormalAxis

PLAIN = ForceOptions()


def law_for(interface: ArmInterface, limits: Limits, options: ForceOptions = PLAIN) -> CartesianLaw:
    """Make the law for an arm with this interface."""
    stiffness = StiffnessEstimate(adapt=options.adapt)
    if interface is ArmInterface.TORQUE:
        drive: Drive = ImpedanceDrive(IIWA_MODEL)
        axis = NormalAxis(limits, ExplicitForce(stiffness=stiffness, options=options), options)
    else:
        drive = VelocityDrive(IIWA)
        axis = NormalAxis(limits, Admittance(stiffness=stiffness, options=options), options)
    return CartesianLaw(drive, axis, limits)
