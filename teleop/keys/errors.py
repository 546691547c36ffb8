"""Errors of the keys process.

KeysError
  SetupError    ours: site key, pipe or configuration cannot be used; the message names the fix
  SourceError   ours: the site's key source does not give a key now
What a console did wrong is `transport.keyagreement.AgreementError`.
"""


class KeysError(Exception):
    """Base of all errors of the keys process."""


class SetupError(KeysError):
    """The keys process cannot start."""


class SourceError(KeysError):
    """The key source does not answer."""
