"""Every reason for which the gateway says no. Text: `refused.REASON` of the text tables."""

from enum import StrEnum


class Reason(StrEnum):
    """What `Refused.reason` can be; the comment says what a page does about it."""

    VERSION = "version"  # closed: reload the page
    HELLO_FIRST = "hello_first"  # closed
    HELLO_AGAIN = "hello_again"  # closed
    HELLO_TIMEOUT = "hello_timeout"  # closed: connect again when there is a code
    CODE_OR_TOKEN = "code_or_token"
    CODE_WRONG = "code_wrong"  # ask for the code again
    CODE_USED = "code_used"  # ask for another code
    CODE_EXPIRED = "code_expired"  # ask for another code
    SIGNATURE = "signature"
    NOT_ENROLLED = "not_enrolled"  # the detail is the device's key, to be enrolled at the site
    TOKEN_UNKNOWN = "token_unknown"  # forget the token, ask for a code
    OTHER_DEVICE = "other_device"  # forget the token, ask for a code
    TOO_MANY_SESSIONS = "too_many_sessions"
    TOO_MANY_TRIES = "too_many_tries"  # closed: wait a minute
    TOO_LARGE = "too_large"  # closed
    TOO_FAST = "too_fast"  # this message was not acted on
    MESSAGE_INVALID = "message_invalid"
    TOO_MANY_ERRORS = "too_many_errors"  # closed: connect again
    ROLE = "role"
    NOT_DRIVER = "not_driver"
    EVENT_UNKNOWN = "event_unknown"
    PHRASE_UNKNOWN = "phrase_unknown"
    NOBODY_THERE = "nobody_there"
    NOBODY_ASKED = "nobody_asked"
    LEASE_NOT_NOW = "lease_not_now"
    REPLACED = "replaced"  # closed: the same session was opened elsewhere; do not come back
    REPLACED_BY_OTHER = "replaced_by_other"  # closed: another bedside joined; do not come back
    STORE_FAILED = "store_failed"
    GUARD_UNREACHABLE = "guard_unreachable"  # the detail names the event that was not delivered
    OFFER_INVALID = "offer_invalid"
    REBUILD = "rebuild"  # make the command connection anew, at once
    MEDIA_UNAVAILABLE = "media_unavailable"  # offer video again after a second
    MEDIA_RESTARTED = "media_restarted"  # offer video again, at once
    DEMOTED = "demoted"  # this console may watch; it may ask for the lease
    KEY_REFUSED = "key_refused"  # no command key: this console cannot drive
