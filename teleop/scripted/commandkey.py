"""The command key of a native console: agreed with the robot's `keys` process, signs every frame.

The gateway relays the agreement and cannot take part in it: the invitation's pin never reaches it.
"""

from __future__ import annotations

from safety.authentic import sign
from teleop.keys.sources import Source
from transport.identity import DeviceKey, decode, encode, fingerprint
from transport.keyagreement import AgreementError, Reply, is_done, reply_to, suite_text
from transport.schema import KeyDone, KeyOffer, KeyReply


class CommandKey:
    """Agrees, and agrees anew whenever the robot asks; the old key serves until the new is done."""

    def __init__(
        self,
        device: DeviceKey,
        pin: bytes | None = None,
        site: str = "",
        source: Source | None = None,
    ) -> None:
        """`site`: fingerprint of the only site key to believe; empty: the first that is seen.

        `source`: where this console gets the keys of the site's key source.
        """
        self._key_of = source.key_of if source else lambda _: None
        self._device = device
        self._pin = pin
        self._name = site
        self._site: bytes | None = None
        """The robot's site key, once it proved that it knows the pin (or at first sight)."""
        self._waiting: Reply | None = None
        self._key: bytes | None = None
        self.suite = ""
        """What went into the key, in words; empty: there is none yet."""
        self.agreements = 0
        self.problem = ""
        """Why the newest agreement failed."""

    def offer(self, session: int, message: KeyOffer) -> KeyReply | None:
        """Answer an offer; None: it is not to be believed (`problem` says why)."""
        try:
            data = decode(message.data) or b""
            self._waiting = reply_to(
                data, session, self._device, pin=self._pin, site_key=self._site,
                source_key=self._key_of,
            )  # fmt: skip
            if self._name not in ("", fingerprint(self._waiting.site_key)):
                raise AgreementError("this is not the robot of the invitation: its key differs")
        except AgreementError as error:
            self._waiting, self.problem = None, str(error)
            return None
        return KeyReply(encode(self._waiting.data))

    def done(self, message: KeyDone) -> bool:
        """The robot says that it has the key; False: it does not have ours."""
        waiting, proof = self._waiting, decode(message.data)
        if waiting is None or proof is None or not is_done(waiting, proof):
            self.problem = "the robot does not have the same key"
            return False
        self._waiting, self.problem = None, ""
        self._site, self._key = waiting.site_key, waiting.agreed.key
        self.suite = suite_text(waiting.agreed.suite)
        self.agreements += 1
        return True

    def sign(self, frame: bytes) -> bytes | None:
        """The frame with its tag; None: there is no key yet, so there is nothing to send."""
        return None if self._key is None else sign(frame, self._key)
