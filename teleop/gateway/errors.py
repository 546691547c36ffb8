"""Errors of the gateway.

GatewayError
+-- StartError       ours: the gateway cannot start; the message names the fix (exit code 2)
+-- MediaError       ours: the media process is not there
What a peer did wrong is `transport.sessions.DeniedError` or `transport.webrtc.data.DataError`.
"""


class GatewayError(Exception):
    """Base of all errors of the gateway."""


class StartError(GatewayError):
    """The gateway cannot start with this configuration or on this machine."""


class MediaError(GatewayError):
    """The media process cannot be reached now."""
