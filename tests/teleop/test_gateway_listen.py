"""Where the gateway listens, whom it answers, and what it says when it cannot start."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import http.client
import socket
import ssl
import sys
from pathlib import Path

import aiohttp
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from gateway_harness import Client, Process, running, start, world_in

from teleop.config import Config, Link, Network
from teleop.gateway.errors import StartError
from teleop.gateway.listen import Door, Listener, open_listener, with_links
from teleop.gateway.pages import security_policy
from transport import schema as s
from transport.refusals import Reason


def make_certificate(folder: Path) -> tuple[str, str]:
    """A self-signed certificate and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    start_day = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(start_day)
        .not_valid_after(start_day + datetime.timedelta(days=36500))
        .sign(key, hashes.SHA256())
    )
    files = folder / "cert.pem", folder / "key.pem"
    files[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    files[1].write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return str(files[0]), str(files[1])


def refusal(network: Network) -> str:
    with pytest.raises(StartError) as error:
        open_listener(network)
    return str(error.value)


def test_other_machines_need_tls_or_an_explicit_word() -> None:
    for bind in ("0.0.0.0", "::", "192.0.2.2"):
        text = refusal(Network(bind=bind, port=0))
        assert "certificate" in text
        assert "--insecure-lan" in text
    listener = open_listener(Network(bind="0.0.0.0", port=0, insecure_lan=True))
    assert (listener.host, listener.scheme) == ("127.0.0.1", "http")
    listener.socket.close()


def test_what_cannot_be_listened_on_names_the_fix(tmp_path: Path) -> None:
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        port = busy.getsockname()[1]
        text = refusal(Network(port=port))
        assert str(port) in text
        assert "--port" in text
        # An earlier port that is taken now is only a wish.
        listener = open_listener(Network(port=0), port)
        assert listener.port != port
        listener.socket.close()
    assert "not an address" in refusal(Network(bind="example.invalid"))
    assert "of this machine" in refusal(Network(bind="127.0.0.300"))
    assert "PEM" in refusal(Network(certificate=str(tmp_path / "none.pem"), port=0))
    certificate, key = make_certificate(tmp_path)
    assert "PEM" in refusal(Network(certificate=key, private_key=certificate, port=0))


def door(listener_host: str, port: int, *, tls: bool = False) -> Door:
    class Fake:
        host = listener_host
        scheme = "https" if tls else "http"
        addresses: tuple[str, ...] = ()

    fake = Fake()
    fake.port = port  # type: ignore[attr-defined]
    typed: Listener = fake  # type: ignore[assignment]
    return Door(typed)


def test_hosts_other_than_ours_are_refused() -> None:
    ours = door("127.0.0.1", 8080)
    for host in ("127.0.0.1:8080", "localhost:8080", "[::1]:8080", "LOCALHOST:8080"):
        assert ours.host_allowed(host), host
    for host in (
        "evil.example:8080", "127.0.0.1", "127.0.0.1:8081", "localhost", "", ":8080", "[::1",
        "127.0.0.1:8080@evil.example", "a@127.0.0.1:8080", "127.0.0.1:99999", "127.0.0.1:8080/x",
        "192.0.2.2:8080",
    ):  # fmt: skip
        assert not ours.host_allowed(host), host
    lan = door("192.0.2.2", 443, tls=True)
    assert lan.host_allowed("192.0.2.2")
    assert not lan.host_allowed("evil.example")


def test_only_our_own_pages_may_open_a_socket() -> None:
    ours = door("127.0.0.1", 8080)
    assert ours.origin_allowed("http://127.0.0.1:8080", "127.0.0.1:8080")
    assert ours.origin_allowed(None, "127.0.0.1:8080"), "native programs send none"
    for origin in ("https://127.0.0.1:8080", "http://evil.example", "null", "", "http://127.0.0.1"):
        assert not ours.origin_allowed(origin, "127.0.0.1:8080"), origin


@pytest.mark.process
def test_pages_come_with_strict_headers_and_nothing_else_is_served(tmp_path: Path) -> None:
    async def scenario() -> None:
        with world_in(tmp_path) as world:
            async with running(world) as process, aiohttp.ClientSession() as client:
                async with client.get(f"{process.url}/console") as page:
                    policy = page.headers["Content-Security-Policy"]
                    assert "default-src 'self'" in policy
                    assert "unsafe" not in policy
                    assert "frame-ancestors 'none'" in policy
                    assert page.headers["Cross-Origin-Opener-Policy"] == "same-origin"
                    assert page.headers["Cross-Origin-Embedder-Policy"] == "require-corp"
                    assert page.headers["Cache-Control"] == "no-store"
                async with client.get(f"{process.url}/health") as health:
                    assert (await health.json())["ok"] is True
                for path in (
                    "/static/", "/static/../config.py", "/static/%2e%2e/config.py", "/text/fr.json",
                    "/static/../../pyproject.toml", "/console/..%2f..%2fconfig.py", "/run",
                ):  # fmt: skip
                    async with client.get(f"{process.url}{path}") as gone:
                        assert gone.status in (403, 404), path
                        assert "Content-Security-Policy" in gone.headers
                async with client.get(process.url, headers={"Host": "evil.example"}) as other:
                    assert other.status == 421
                with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                    await client.ws_connect(f"{process.url}/ws", origin="http://evil.example")
                assert refused.value.status == 403

    asyncio.run(scenario())


@pytest.mark.process
def test_sockets_are_capped_and_oversize_is_refused(tmp_path: Path) -> None:
    async def scenario() -> None:
        with world_in(tmp_path) as world:
            async with running(world) as process, aiohttp.ClientSession() as client:
                strangers = [await client.ws_connect(f"{process.url}/ws") for _ in range(16)]
                with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                    await client.ws_connect(f"{process.url}/ws")
                assert refused.value.status == 503
                for stranger in strangers:
                    await stranger.close()
                big = Client(client, process)
                await big.connect()
                await big.ws.send_str("x" * (s.MAX_SIGNAL_BYTES + 1))
                await big.next(s.Refused, reason=Reason.TOO_LARGE, close=True)
                bigger = Client(client, process)
                await bigger.connect()
                await bigger.ws.send_str("x" * (4 * s.MAX_SIGNAL_BYTES))
                assert await bigger.receive() is None
                await big.ws.close()
                await bigger.ws.close()
                assert (await Client(client, process).join("OBSV-2345")).role is s.Role.OBSERVER

    asyncio.run(scenario())


def get_health_over_tls(port: int) -> tuple[int, str]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    connection = http.client.HTTPSConnection("127.0.0.1", port, context=context, timeout=30)
    with contextlib.closing(connection):
        connection.request("GET", "/health")
        answer = connection.getresponse()
        return answer.status, answer.headers["Content-Security-Policy"]


@pytest.mark.process
def test_serves_tls_when_a_certificate_is_configured(tmp_path: Path) -> None:
    async def scenario() -> None:
        certificate, key = make_certificate(tmp_path)
        network = Network(port=0, certificate=certificate, private_key=key)
        with world_in(tmp_path) as world:
            async with running(world, Config(network=network)) as process:
                status, policy = await asyncio.to_thread(get_health_over_tls, process.port)
                assert status == 200
                assert f"wss://127.0.0.1:{process.port}" in policy

    asyncio.run(scenario())


@pytest.mark.process
def test_start_errors_end_with_code_2_and_the_port_is_kept_over_a_restart(tmp_path: Path) -> None:
    async def scenario() -> None:
        with world_in(tmp_path) as world:
            first = await start(world)
            (world.run_dir / "sessions.json").write_text("{ damaged")
            await expect_exit_2(world.run_dir, "sessions.json")
            (world.run_dir / "sessions.json").unlink()
            first.kill()
            second = await start(world, keep_where=True)
            assert second.port == first.port
            second.kill()
            close_pipes(first, second)

    asyncio.run(scenario())


def close_pipes(*processes: Process) -> None:
    for process in processes:
        assert process.popen.stderr is not None
        process.popen.stderr.close()


async def expect_exit_2(run_dir: Path, word: str) -> None:
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "teleop.gateway", "--run", str(run_dir),
        stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    _, stderr = await child.communicate()
    assert child.returncode == 2
    assert word in stderr.decode()
    assert "Traceback" not in stderr.decode()


def test_every_link_is_served_and_its_pages_may_use_the_others() -> None:
    network = Network(port=0)
    listener = with_links(
        open_listener(network), network, [Link("wired", "127.0.0.1"), Link("5G", "127.0.0.2")]
    )
    with contextlib.closing(listener):
        names = [one.getsockname() for one in listener.sockets]
        assert names == [("127.0.0.1", listener.port), ("127.0.0.2", listener.port)]
        ours = Door(listener)
        there = f"127.0.0.2:{listener.port}"
        assert ours.host_allowed(there)
        assert ours.origin_allowed(f"http://127.0.0.1:{listener.port}", there)
        assert not ours.origin_allowed("http://127.0.0.3:1", there)
        assert f"ws://{there}" in security_policy(
            f"127.0.0.1:{listener.port}", tls=False, others=ours.other_hosts
        )


def test_a_link_without_tls_or_address_is_refused_with_the_fix() -> None:
    network = Network(port=0)
    with pytest.raises(StartError, match="TLS"):
        with_links(open_listener(network), network, [Link("5G", "192.0.2.7")])
    lan = Network(port=0, insecure_lan=True)
    with pytest.raises(StartError, match="not an address of this machine"):
        with_links(open_listener(lan), lan, [Link("5G", "192.0.2.7")])
    with pytest.raises(StartError, match="not an address"):
        with_links(open_listener(network), network, [Link("5G", "carrier")])
