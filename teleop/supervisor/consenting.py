"""No session without a consent: the one that was given, or a simulated one for a simulated arm."""

from __future__ import annotations

from pathlib import Path

import msgspec

from teleop.audit import consent
from teleop.audit.book import site_key, utc_ms
from teleop.audit.consent import Consent, Scope
from teleop.audit.errors import BookError, ConsentError
from teleop.keys.files import write_private
from teleop.supervisor.errors import MachineError, UsageError


def session_consent(state: Path, simulated: bool, given: Path | None) -> Consent:
    """The consent of this session. UsageError: there is none that is good here and now."""
    try:
        key = site_key(state)
        if given is not None:
            found = consent.read(given)
            consent.check(found, key.public, Scope.SESSION, utc_ms(), simulated=simulated)
            return found
        if simulated:
            return consent.issue(
                key, tuple(Scope), utc_ms(), consent.SIMULATED_HOURS, simulated=True
            )
    except ConsentError as error:
        raise UsageError(str(error)) from error
    except BookError as error:
        raise MachineError(str(error)) from error
    raise UsageError(
        "A real arm needs a consent. Once the patient has consented on paper:  "
        "teleop audit consent -o consent.json   and start again with  --consent consent.json"
    )


def keep(run_dir: Path, given: Consent) -> None:
    """Give the session's processes its consent."""
    write_private(run_dir / consent.CONSENT_FILE, msgspec.json.encode(given))
