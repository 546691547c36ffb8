"""Wire schema, codecs, estimators and the IO shells that move bytes (WebRTC, mailboxes)."""
