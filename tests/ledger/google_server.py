"""An emulator of Google's storage that wants to know who asks, which the emulator itself does not.

Beside the storage there is the service that gives access tokens for a refresh token. The bucket
`forbidden` may be read by nobody.
"""

from __future__ import annotations

import json
from functools import partial
from http import HTTPStatus
from http.server import HTTPServer
from pathlib import Path

from gcp_storage_emulator.server import RequestHandler
from gcp_storage_emulator.storage import Storage

REFRESH_TOKEN = "topsecret refresh token"  # noqa: S105 - what it opens is made up here
ACCESS_TOKEN = "topsecret access token"  # noqa: S105


def started_google_server() -> HTTPServer:
    return HTTPServer(("127.0.0.1", 0), partial(_Handler, Storage(use_memory_fs=True)))


def written_credentials(path: Path, server: str, refresh_token: str = REFRESH_TOKEN) -> Path:
    """Write a key file of the kind that `gcloud auth application-default login` writes."""
    credentials = {
        "type": "authorized_user",
        "client_id": "encours",
        "client_secret": "topsecret of the client",
        "refresh_token": refresh_token,
        "token_uri": f"{server}/token",
    }
    path.write_text(json.dumps(credentials))
    return path


class _Handler(RequestHandler):  # type: ignore[misc]
    def parse_request(self) -> bool:
        if not super().parse_request():
            return False
        if self.path == "/token":
            self.give_token()
        elif self.headers.get("Authorization") != f"Bearer {ACCESS_TOKEN}":
            self.refuse(HTTPStatus.UNAUTHORIZED, "Invalid Credentials")
        elif self.path.startswith("/storage/v1/b/forbidden"):
            self.refuse(HTTPStatus.FORBIDDEN, "encours does not have storage.objects.list access")
        else:
            return True
        return False

    def give_token(self) -> None:
        asked = self.rfile.read(int(self.headers["Content-Length"])).decode()
        if asked.endswith(f"refresh_token={REFRESH_TOKEN}".replace(" ", "%20")):
            token = {"access_token": ACCESS_TOKEN, "expires_in": 3600, "token_type": "Bearer"}
            self.give(HTTPStatus.OK, token)
        else:
            self.give(HTTPStatus.BAD_REQUEST, {"error": "invalid_grant", "asked": asked})

    def refuse(self, status: HTTPStatus, message: str) -> None:
        # Worse than the real one, which does not repeat what it was sent.
        given = self.headers.get("Authorization", "")
        self.give(status, {"error": {"code": status.value, "message": f"{message} {given}"}})

    def give(self, status: HTTPStatus, answer: dict[str, object]) -> None:
        body = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
