"""Errors of the audit log.

AuditError
|-- ForeignLogError  theirs: not an audit log, or a head or proof that cannot be believed
|   `-- ForkError    theirs: a site signed two histories that exclude each other
|-- BookError        ours: the log of this site cannot be opened or written
|   `-- InUseError   ours: another process writes it now
`-- ConsentError     ours: the consent that is needed is missing, expired or not valid here
"""

from __future__ import annotations


class AuditError(Exception):
    """Base class; the message names the file and the next action."""


class ForeignLogError(AuditError):
    """What came is no log, no head or no proof of this format, or is signed wrongly."""


class ForkError(ForeignLogError):
    """Two statements of one site cannot both be true."""


class BookError(AuditError):
    """The site's own log cannot be used."""


class InUseError(BookError):
    """Another process of this site writes the log now."""


class ConsentError(AuditError):
    """A consent is missing, expired, forged or for something else."""
