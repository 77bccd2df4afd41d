"""One POST: pinned to the address that was judged, under the name that TLS and the Host header keep, and bounded."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from infra.posting import LARGEST_BODY, MOST_READ, Answered, Courier, Unanswered
from tests.endpoint import receiving

NAME = "hooks.example.test"
SECOND = timedelta(seconds=1)
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


def to_this_machine(_name: str, _port: int) -> list[str]:
    return ["127.0.0.1"]


@contextmanager
def answering(serve: Callable[[socket.socket], None], tls: ssl.SSLContext | None = None) -> Iterator[int]:
    """A server of one connection on a free port."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def accept() -> None:
            try:
                connection, _ = listening.accept()
                with connection, tls.wrap_socket(connection, server_side=True) if tls else connection as stream:
                    serve(stream)
            except OSError:
                return

        thread = threading.Thread(target=accept)
        thread.start()
        try:
            yield listening.getsockname()[1]
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            thread.join(10)


@pytest.fixture
def contexts(tmp_path: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server's and a client's side of a certificate for NAME alone."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, NAME)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - SECOND)
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, SHA256())
    )
    pem, secret = tmp_path / "certificate.pem", tmp_path / "key.pem"
    pem.write_bytes(certificate.public_bytes(Encoding.PEM))
    secret.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    server, client = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context(cafile=str(pem))
    server.load_cert_chain(pem, secret)
    return server, client


def test_tls_and_host_keep_the_name_while_the_connection_goes_to_the_checked_address(
    contexts: tuple[ssl.SSLContext, ssl.SSLContext],
) -> None:
    server, client = contexts
    names: list[str | None] = []
    heard: list[bytes] = []
    server.sni_callback = lambda _socket, name, _context: names.append(name)

    def serve(stream: socket.socket) -> None:
        heard.append(stream.recv(65_536))
        stream.sendall(OK)

    with answering(serve, server) as port:
        courier = Courier(allow_private=True, resolver=to_this_machine, tls=client)
        answer = courier.post(f"https://{NAME}:{port}/in?x=1", {"webhook-id": "1"}, b"")

    assert answer == Answered(status=200, said="ok")
    assert names == [NAME]
    assert heard[0].startswith(f"POST /in?x=1 HTTP/1.1\r\nhost: {NAME}:{port}\r\n".encode())


def test_a_certificate_of_another_name_is_refused(contexts: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
    server, client = contexts
    with answering(lambda stream: stream.sendall(OK), server) as port:
        courier = Courier(allow_private=True, resolver=to_this_machine, tls=client)
        answer = courier.post(f"https://other.example.test:{port}/", {}, b"")

    assert isinstance(answer, Unanswered)


def test_a_name_that_is_rebound_between_two_deliveries_is_judged_again() -> None:
    found = [["127.0.0.1"], ["169.254.169.254"]]
    asked: list[str] = []

    def rebinding(name: str, _port: int) -> list[str]:
        asked.append(name)
        return found.pop(0)

    with receiving() as receiver:
        courier = Courier(allow_private=True, resolver=rebinding)
        url = receiver.url.replace("127.0.0.1", NAME)
        first, second = courier.post(url, {}, b"1"), courier.post(url, {}, b"2")

    assert first == Answered(status=204)
    assert isinstance(second, Unanswered)
    assert "metadata" in second.reason
    # Once for each delivery: what is connected to is what was judged, not a second answer.
    assert asked == [NAME, NAME]
    assert [each.body for each in receiver.taken] == [b"1"]


def test_without_the_setting_nothing_goes_to_this_machine() -> None:
    with receiving() as receiver:
        plain = Courier().post(receiver.url, {}, b"{}")
        tls = Courier().post(receiver.url.replace("http:", "https:"), {}, b"{}")

    assert isinstance(plain, Unanswered)
    assert isinstance(tls, Unanswered)
    assert "loopback" in tls.reason
    assert receiver.taken == []


def test_a_redirect_is_an_answer_and_is_not_followed() -> None:
    with receiving() as receiver:
        receiver.status, receiver.headers = 307, {"location": f"{receiver.url}/elsewhere"}
        answer = Courier(allow_private=True).post(f"{receiver.url}/here", {}, b"{}")

    assert answer == Answered(status=307)
    assert [each.path for each in receiver.taken] == ["/here"]


def test_an_answer_is_read_to_four_kilobytes_and_shown_without_control_characters() -> None:
    parts = iter([b"\x1b[31mred" + b"x" * MOST_READ] + [b"y" * MOST_READ] * 10_000)
    sent: list[int] = []

    def serve(stream: socket.socket) -> None:
        stream.recv(65_536)
        stream.sendall(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n")
        for part in parts:
            stream.sendall(part)
            sent.append(len(part))

    with answering(serve) as port:
        answer = Courier(allow_private=True).post(f"http://127.0.0.1:{port}/", {}, b"{}")

    assert isinstance(answer, Answered)
    assert answer.said.startswith("[31mredxxx")
    assert len(sent) < 10_000


@pytest.mark.parametrize("opening", [b"", b"HTTP/1.1 200 OK\r\n"])
def test_an_answer_that_drips_ends_at_the_time_out(opening: bytes) -> None:
    stop = threading.Event()

    def serve(stream: socket.socket) -> None:
        stream.recv(65_536)
        stream.sendall(opening)
        while not stop.wait(0.05):
            stream.sendall(b"x-more: 1\r\n" if opening else b"")

    with answering(serve) as port:
        answer = Courier(allow_private=True, timeout=SECOND / 2).post(f"http://127.0.0.1:{port}/", {}, b"{}")
        stop.set()

    assert answer == Unanswered(reason="no answer within 0.5 seconds")


@pytest.mark.parametrize("said", [b"", b"nonsense\r\n\r\n", b"HTTP/1.1 999999 X\r\n\r\n", b"\x00" * 100])
def test_an_answer_that_is_none_is_no_answer(said: bytes) -> None:
    def serve(stream: socket.socket) -> None:
        stream.recv(65_536)
        stream.sendall(said)

    with answering(serve) as port:
        assert isinstance(Courier(allow_private=True).post(f"http://127.0.0.1:{port}/", {}, b"{}"), Unanswered)


def test_nobody_listening_is_no_answer() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]

    answer = Courier(allow_private=True).post(f"http://127.0.0.1:{port}/", {}, b"{}")

    assert answer == Unanswered(reason="no answer: ConnectError")


def test_the_next_address_is_tried_where_one_does_not_listen() -> None:
    with receiving() as receiver:
        courier = Courier(allow_private=True, resolver=lambda _name, _port: ["127.0.0.9", "127.0.0.1"])
        answer = courier.post(receiver.url.replace("127.0.0.1", NAME), {}, b"{}")

    assert answer == Answered(status=204)
    assert ip_address("127.0.0.9").is_loopback


def test_a_name_that_takes_too_long_to_look_up_ends_at_the_time_out_and_holds_up_nobody() -> None:
    answered = threading.Event()
    asked: list[str] = []

    def slow(name: str, port: int) -> list[str]:
        asked.append(name)
        if name == NAME:
            answered.wait(10)
        return to_this_machine(name, port)

    courier = Courier(allow_private=True, resolver=slow, timeout=2 * SECOND)
    with receiving() as receiver:
        url = receiver.url.replace("127.0.0.1", NAME)
        late = [courier.post(url, {}, b"1") for _ in range(2)]
        beside = courier.post(receiver.url.replace("127.0.0.1", "other.example.test"), {}, b"2")
        answered.set()

    assert late == [Unanswered(reason=f"The name {NAME} was not resolved in time.")] * 2
    assert beside == Answered(status=204)
    assert [each.body for each in receiver.taken] == [b"2"]
    # However many deliveries wait for it, one name is looked up once at a time.
    assert asked.count(NAME) == 1


def test_a_body_beyond_the_limit_is_not_sent() -> None:
    with receiving() as receiver:
        answer = Courier(allow_private=True).post(receiver.url, {}, b"x" * (LARGEST_BODY + 1))

    assert isinstance(answer, Unanswered)
    assert receiver.taken == []
