"""The audit log of a site: append-only, signed, and witnessed by the other site (docs/audit.md)."""
