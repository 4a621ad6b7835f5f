"""``refmask serve`` as a process: its start, its limits on streams, its end."""

import contextlib
import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from refmask.cli import main
from refmask.cli.serve import LIMITS, configure, limits
from refmask.errors import ConfigurationError
from refmask.limits import parse_size
from refmask.server.limits import Limits
from refmask.server.serving import VARIABLE, listen, read_token

PAGE = Path(__file__).parents[2] / "docs" / "serve.md"


class Process:
    """A server on a port of its own."""

    def __init__(self, *options, **environment):
        command = [sys.executable, "-m", "refmask", "serve", "--port", "0", "--model", "embedded"]
        self.process = subprocess.Popen(
            [*command, *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | {"OMP_NUM_THREADS": "1"} | environment,
        )
        self.first = self.process.stdout.readline()
        self.port = int(re.search(r":(\d+),", self.first)[1])

    def ask(self, method, path, body=None, **headers):
        with contextlib.closing(self.connect()) as connection:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return answer.status, answer.read()

    def connect(self):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)

    def ready(self):
        while self.ask("GET", "/healthz/ready")[0] != 200:
            time.sleep(0.05)
        return self

    def end(self):
        if self.process.poll() is None:
            self.process.kill()
        return self.process.communicate(timeout=60)


@pytest.fixture(scope="module")
def server():
    made = Process(
        *("--max-body", "100kB", "--workers", "1", "--queue", "0", "--head-timeout", "1")
    )
    yield made.ready()
    made.end()


@pytest.fixture(scope="module")
def image():
    """A shipped scene, as a body: encoding it takes a second."""
    import refmask

    folder = Path(refmask.__file__).parent / "assets" / "scenes" / "images"
    return next(folder.rglob("*.png")).read_bytes()


HEAD = b"POST /v1/segment HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"


@contextlib.contextmanager
def opened(server, *sent):
    """A connection on which this has been sent."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
        for part in sent:
            connection.sendall(part)
        yield connection


def all_of(connection):
    """What comes until the server closes."""
    return b"".join(iter(lambda: connection.recv(65536), b""))


def is_let_go(connection, part):
    """Whether a connection is closed on which this is sent again and again."""
    try:
        for _ in range(3_000):
            connection.sendall(part)
            time.sleep(0.01)
    except OSError:
        return True
    return False


@pytest.mark.parametrize("close", [b"", b"Connection: close\r\n"])
@pytest.mark.parametrize("announced", [True, False])
def test_a_body_too_large_is_told_to_a_client_that_sends_it_all_first(server, close, announced):
    size, times = 50_000, 200
    length = b"Content-Length: %d\r\n\r\n" % (size * times)
    chunk = b"x" * size if announced else b"%x\r\n" % size + b"x" * size + b"\r\n"
    head = HEAD + close + (length if announced else b"Transfer-Encoding: chunked\r\n\r\n")
    end = b"" if announced else b"0\r\n\r\n"
    with opened(server, head, *[chunk] * times, end) as connection:
        answer = all_of(connection)
    assert answer.startswith(b"HTTP/1.1 413")
    assert b"the body has more than 100000 bytes" in answer
    assert server.ask("GET", "/healthz")[0] == 200


def test_a_body_too_large_that_never_ends_is_cut(server):
    with opened(server, HEAD + b"Transfer-Encoding: chunked\r\n\r\n") as connection:
        assert is_let_go(connection, b"1000\r\n" + b"x" * 4096 + b"\r\n")
    assert server.ask("GET", "/healthz")[0] == 200


def test_a_length_too_large_is_told_before_the_body_comes(server):
    with opened(server, HEAD + b"Content-Length: 100001\r\n\r\n") as connection:
        assert connection.recv(65536).startswith(b"HTTP/1.1 413")


def test_a_client_that_asks_before_it_sends_is_refused_and_let_go(server):
    head = HEAD + b"Content-Length: 100001\r\nExpect: 100-continue\r\n\r\n"
    with opened(server, head) as connection:
        answer = all_of(connection)
    assert answer.startswith(b"HTTP/1.1 413")
    assert b"connection: close" in answer.lower()


@pytest.mark.parametrize("sent", [b"", b"POST /v1/seg", HEAD, HEAD + b"Content-Length: 9"])
@pytest.mark.parametrize("before", [b"", b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"])
def test_half_a_head_ends_with_its_connection(server, before, sent):
    with opened(server, before, sent) as connection:
        answer = all_of(connection)
    assert answer.startswith(b"HTTP/1.1 200") if before else not answer


def test_a_head_that_comes_in_drops_ends_with_its_connection(server):
    with opened(server, HEAD) as connection:
        assert is_let_go(connection, b"X-More: 1\r\n")


def test_a_connection_is_kept_between_requests(server):
    with contextlib.closing(server.connect()) as connection:
        for _ in range(3):
            connection.request("GET", "/healthz")
            socket_before = connection.sock
            assert connection.getresponse().read()
            time.sleep(0.4)  # together longer than a head may take
            assert connection.sock is socket_before


def test_a_slow_body_takes_no_place(server, image):
    body = json.dumps({"image": base64_of(image), "phrases": ["the red thing"]}).encode()
    head = HEAD + b"Content-Length: %d\r\n\r\n" % len(body)
    with opened(server, head, body[:-1]) as slow, opened(server, head, body[:-1]):
        kind = {"Content-Type": "application/json"}
        assert server.ask("POST", "/v1/segment", body, **kind)[0] == 200
        slow.sendall(body[-1:])
        assert slow.recv(65536).startswith(b"HTTP/1.1 200")


def test_cut_and_damaged_requests_leave_no_trace_in_the_log():
    server = Process("--workers", "1", "--max-body", "100kB").ready()
    length = HEAD + b"Content-Length: 500\r\n\r\n"
    chunks = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
    form = length.replace(b"application/json", b"multipart/form-data; boundary=x")
    predict = length.replace(b"/v1/segment", b"/label-studio/predict")
    beyond = chunks + b"30d40\r\n" + b"x" * 200_000 + b"\r\n"
    for head in (length, chunks, form, predict):
        with opened(server, head, b"{"):
            pass
    for damaged in (b"\0\0\r\n\r\n", chunks + b"no number\r\n", beyond + b"no number\r\n"):
        with opened(server, damaged) as connection:
            connection.recv(65536)
    assert server.ask("GET", "/healthz")[0] == 200
    server.process.send_signal(signal.SIGTERM)
    assert "Traceback" not in server.process.communicate(timeout=60)[1]


def test_the_process_says_where_it_is(server):
    assert server.first == f"refmask: serving on http://127.0.0.1:{server.port}, loading\n"
    status, answer = server.ask("GET", "/openapi.json")
    assert status == 200
    assert "/label-studio/predict" not in json.loads(answer)["paths"]


def listens(port):
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    except ConnectionError:
        return False
    return True


def test_what_runs_is_finished(image):
    server = Process("--workers", "1").ready()
    body = json.dumps({"image": base64_of(image), "phrases": ["the red thing"]})
    running = [server.connect() for _ in range(2)]
    for connection in running:
        connection.request("POST", "/v1/segment", body, {"Content-Type": "application/json"})
    while b'refmask_queue_length{kind="looks"} 1.0' not in server.ask("GET", "/metrics")[1]:
        time.sleep(0.01)
    server.process.send_signal(signal.SIGTERM)
    while listens(server.port):  # no new work, soon
        time.sleep(0.02)
    assert server.process.poll() is None
    for connection in running:
        answer = connection.getresponse()
        assert answer.status == 200
        assert len(json.loads(answer.read())["answers"]) == 1
        connection.close()
    assert server.process.wait(30) == 0
    out, err = server.end()
    assert out == "refmask: ready\n"
    assert "Traceback" not in err


def base64_of(content):
    import base64

    return base64.b64encode(content).decode()


def test_a_model_that_cannot_be_loaded_ends_the_server(capsys):
    handler = signal.getsignal(signal.SIGTERM)
    words = ["--model", "embedded", "--weights", "/no/such/file.safetensors"]
    assert main(["serve", "--port", "0", *words]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("refmask: error:")
    assert "file.safetensors" in line
    assert signal.getsignal(signal.SIGTERM) == handler


def test_answers_are_sent_at_once():
    with listen("127.0.0.1", 0) as place, socket.create_connection(place.getsockname()[:2]):
        taken, _ = place.accept()
        with taken:
            assert taken.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_a_port_that_is_taken(capsys):
    with listen("127.0.0.1", 0) as taken:
        port = str(taken.getsockname()[1])
        assert main(["serve", "--port", port]) == 2
    assert f"port {port}" in capsys.readouterr().err
    with pytest.raises(ConfigurationError, match="port 99999"):
        listen("127.0.0.1", 99_999)


def test_tokens(tmp_path, monkeypatch):
    file = tmp_path / "token"
    file.write_text("  from-file\n")
    monkeypatch.setenv(VARIABLE, "from-environment")
    assert read_token(file) == "from-file"
    assert read_token(None) == "from-environment"
    monkeypatch.delenv(VARIABLE)
    assert read_token(None) is None
    file.write_text("\n")
    with pytest.raises(ConfigurationError, match="empty"):
        read_token(file)
    with pytest.raises(ConfigurationError, match="no such file"):
        read_token(tmp_path / "none")


@pytest.fixture
def page(server, tmp_path, monkeypatch, png):
    """Blocks of docs/serve.md, about this server, in a folder with an image."""
    (tmp_path / "image.jpg").write_bytes(png)
    monkeypatch.chdir(tmp_path)
    form = b'--x\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\n'
    kind = {"Content-Type": "multipart/form-data; boundary=x"}
    _, answer = server.ask("POST", "/v1/scenes", form + png + b"\r\n--x--\r\n", **kind)
    text = PAGE.read_text().replace("127.0.0.1:8000", f"127.0.0.1:{server.port}")
    text = text.replace("/ID", f"/{json.loads(answer)['id']}")
    return lambda language: re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


@pytest.mark.skipif(not PAGE.exists(), reason="docs are not in the wheel")
@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_requests_of_the_page(page):
    for line in (line for block in page("bash") for line in block.splitlines()):
        done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=True)
        answer = json.loads(done.stdout or "{}")
        assert "error" not in answer or "`index`" in answer["error"]


@pytest.mark.skipif(not PAGE.exists(), reason="docs are not in the wheel")
def test_python_of_the_page(page, capsys):
    for block in page("py"):
        exec(compile(block, "example", "exec"), {})  # noqa: S102
        answer = json.loads(capsys.readouterr().out)
        assert answer == {"absent": True, "confidence": None}  # noise shows no car


def test_options_become_limits():
    import argparse

    parser = argparse.ArgumentParser()
    configure(parser)
    answer = limits(parser.parse_args(["--max-body", "2MB", "--queue", "5", "--timeout", "9.5"]))
    assert (answer.body, answer.queue, answer.seconds) == (2_000_000, 5, 9.5)
    assert answer.workers >= 1
    for _, field, _, about in LIMITS:
        if field != "workers":
            shown = re.search(r"\(default (.*?)\)", about)[1]
            assert parse_size(shown) == getattr(Limits(), field)
    assert main(["serve", "--proposals", "masks:x.npz"]) == 2
    assert main(["serve", "--max-body", "much"]) == 2


@pytest.mark.filterwarnings("default::refmask.errors.RefmaskWarning")
def test_open_to_all_is_told(capsys, monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)
    with listen("0.0.0.0", 0) as taken:
        assert main(["serve", "--host", "0.0.0.0", "--port", str(taken.getsockname()[1])]) == 2
    assert "anyone who reaches 0.0.0.0" in capsys.readouterr().err


def test_what_is_not_installed_is_told(capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "fastapi", None)
    assert main(["serve"]) == 2
    assert 'pip install "refmask[serve]"' in capsys.readouterr().err
