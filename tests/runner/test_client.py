"""What a runner makes of the service's refusals."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from axons_runner.client import ServiceClient
from axons_runner.errors import Rejected, Unavailable


class Refuser(BaseHTTPRequestHandler):
    """Answers every request with `status`."""

    status = 429

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        body = json.dumps({"code": "some_code"}).encode()
        self.send_response(self.status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


@pytest.fixture
def address() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), Refuser)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize(
    ("status", "error"), [(429, Unavailable), (408, Unavailable), (503, Unavailable), (401, Rejected), (400, Rejected)]
)
def test_a_busy_service_is_asked_again_and_a_refusal_is_final(
    address: str, monkeypatch: pytest.MonkeyPatch, status: int, error: type[Exception]
) -> None:
    monkeypatch.setattr(Refuser, "status", status)
    with pytest.raises(error):
        ServiceClient(address, "token").claim({}, wait=0)
