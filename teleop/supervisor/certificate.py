"""The site's own TLS certificate: made once, kept with the site's state, pinned by its fingerprint.

Self-signed, ECDSA P-256 with SHA-256 (RFC 5280, RFC 5758). A browser does not know who signed it
and asks once; the fingerprint that `teleop demo` prints tells whether it is the right one.
"""

from __future__ import annotations

import ipaddress
import socket
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from teleop.config import Config, links_of
from teleop.keys.files import write_private
from teleop.pinning import fingerprint_of
from teleop.supervisor.errors import MachineError, UsageError
from transport.local.clock import utc_seconds

CERTIFICATE_FILE = "site.crt"
KEY_FILE = "site.tls.key"
LIFE = timedelta(days=397)
"""Longest life that browsers accept of a server certificate (CA/B Forum ballot SC31: 398 days)."""
RENEW_BEFORE = timedelta(days=30)
BACKDATE = timedelta(days=1)
"""A tablet whose clock is a little behind shall accept it, too."""


def wants_tls(config: Config) -> bool:
    """Encrypted, unless the site accepts the risk (`--insecure-lan`, or `network.tls = false`)."""
    return config.network.tls and not config.network.insecure_lan


def secured(config: Config, state: Path) -> Config:
    """The configuration with a certificate: the configured one, or the site's own."""
    if not wants_tls(config) or config.network.certificate:
        return config
    names = _names(config)
    certificate, key = state / CERTIFICATE_FILE, state / KEY_FILE
    try:
        if not _usable(certificate, key, names):
            _make(certificate, key, names)
    except OSError as error:
        raise MachineError(f"{state}: cannot keep the site's certificate ({error}).") from error
    paths = {"certificate": str(certificate), "private_key": str(key)}
    network = msgspec.structs.replace(config.network, **paths)
    return msgspec.structs.replace(config, network=network)


def seal_of(config: Config) -> bytes:
    """SHA-256 of the certificate that is served; empty: none. UsageError: it is not one."""
    path = config.network.certificate
    try:
        return fingerprint_of(Path(path)) if path else b""
    except (OSError, ValueError) as error:
        raise UsageError(f"network.certificate = {path}: {error}; give a PEM file") from error


def _names(config: Config) -> list[str]:
    """Every name and address under which the pages may be opened."""
    host = socket.gethostname()
    names = ["localhost", host, f"{host}.local", "127.0.0.1", "::1", config.network.bind]
    names += [link.address for link in links_of(config) if link.address]
    return list(dict.fromkeys(name.lower() for name in names if name.isascii()))


def _general(names: list[str]) -> list[x509.GeneralName]:
    out: list[x509.GeneralName] = []
    for name in names:
        try:
            out.append(x509.IPAddress(ipaddress.ip_address(name)))
        except ValueError:
            out.append(x509.DNSName(name))
    return out


def _now() -> datetime:
    return datetime.fromtimestamp(utc_seconds(), UTC)


def _usable(certificate: Path, key: Path, names: list[str]) -> bool:
    """It exists, is private, covers every name, and does not end soon."""
    if not certificate.exists() or not key.exists() or key.stat().st_mode & 0o077:
        return False
    try:
        known = x509.load_pem_x509_certificate(certificate.read_bytes())
        covered = known.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (ValueError, x509.ExtensionNotFound):
        return False  # damaged: a new one is made, and the pages ask again
    wanted = set(_general(names))
    return wanted <= set(covered) and known.not_valid_after_utc > _now() + RENEW_BEFORE


def _make(certificate: Path, key: Path, names: list[str]) -> None:
    secret = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "teleop site")])
    usage = x509.KeyUsage(
        digital_signature=True, content_commitment=False, key_encipherment=False,
        data_encipherment=False, key_agreement=False, key_cert_sign=False, crl_sign=False,
        encipher_only=False, decipher_only=False,
    )  # fmt: skip
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(secret.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(_now() - BACKDATE)
        .not_valid_after(_now() - BACKDATE + LIFE)
        .add_extension(x509.SubjectAlternativeName(_general(names)), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(secret, hashes.SHA256())
    )
    pem, none = serialization.Encoding.PEM, serialization.NoEncryption()
    write_private(key, secret.private_bytes(pem, serialization.PrivateFormat.PKCS8, none))
    write_private(certificate, made.public_bytes(pem))
