"""A blob storage of Azure as far as Arrow's client speaks to it: containers, blobs, pages of lists.

Requests must be signed with the account's key or carry its shared access signature; what the real
service signs is checked here in the same way (Shared Key of the Blob service, path-style addresses
as the emulator has them). One account, flat names, everything in memory.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from dataclasses import dataclass, field
from email.utils import formatdate
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple
from urllib.parse import parse_qsl, unquote, urlsplit
from xml.sax.saxutils import escape

ACCOUNT = "devstoreaccount1"
KEY = base64.b64encode(b"topsecret key of the account").decode()
# The signature inside is no hash of anything: what counts is that it arrives as it was given.
SIGNATURE = "sv=2024-11-04&ss=b&srt=co&sp=rl&sig=topsecret%2Bof%2Faccess%3D"
PAGE = 2

# Order and names as in the string that the Blob service signs.
SIGNED_HEADERS = (
    "Content-Encoding", "Content-Language", "Content-Length", "Content-MD5", "Content-Type", "Date",
    "If-Modified-Since", "If-Match", "If-None-Match", "If-Unmodified-Since", "Range",
)  # fmt: skip


class Blob(NamedTuple):
    content: bytes
    changed: str


@dataclass
class AzureServer:
    """The state of the account: blobs by container and name, blocks that are not committed yet."""

    containers: dict[str, dict[str, Blob]] = field(default_factory=dict)
    blocks: dict[tuple[str, str, str], bytes] = field(default_factory=dict)

    def started(self) -> ThreadingHTTPServer:
        handler = type("Handler", (_Handler,), {"state": self})
        return ThreadingHTTPServer(("127.0.0.1", 0), handler)


class _Handler(BaseHTTPRequestHandler):
    state: AzureServer
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        if "action" in self.asked().query:  # the data lake's call: this account has flat names
            self.answer(HTTPStatus.BAD_REQUEST, code="HierarchicalNamespaceNotEnabled")
        else:
            self.give_blob()

    def do_GET(self) -> None:
        if self.asked().query.get("comp") == "list":
            self.give_list()
        else:
            self.give_blob()

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        asked = self.asked()
        container = self.state.containers.get(asked.container)
        if not self.is_signed():
            self.answer(HTTPStatus.FORBIDDEN, code="AuthenticationFailed")
        elif asked.query.get("restype") == "container":
            self.state.containers.setdefault(asked.container, {})
            made = {"Last-Modified": formatdate(usegmt=True), "ETag": '"1"'}
            self.answer(HTTPStatus.CREATED, headers=made)
        elif container is None:
            self.answer(HTTPStatus.NOT_FOUND, code="ContainerNotFound")
        elif asked.query.get("comp") == "block":
            self.state.blocks[asked.container, asked.name, asked.query["blockid"]] = body
            self.answer(HTTPStatus.CREATED)
        else:
            if asked.query.get("comp") == "blocklist":
                identities = body.decode().split("<Latest>")[1:]
                body = b"".join(
                    self.state.blocks.pop((asked.container, asked.name, one.partition("<")[0]))
                    for one in identities
                )
            container[asked.name] = Blob(body, formatdate(usegmt=True))
            self.answer(HTTPStatus.CREATED, headers=_properties(container[asked.name]))

    def give_blob(self) -> None:
        asked = self.asked()
        blob = self.state.containers.get(asked.container, {}).get(asked.name)
        if not self.is_signed():
            self.answer(HTTPStatus.FORBIDDEN, code="AuthenticationFailed")
        elif blob is None:
            self.answer(HTTPStatus.NOT_FOUND, code="BlobNotFound")
        elif wanted := self.headers.get("x-ms-range"):
            first, last = (int(part) for part in wanted.removeprefix("bytes=").split("-"))
            part = blob.content[first : last + 1]
            span = f"bytes {first}-{first + len(part) - 1}/{len(blob.content)}"
            headers = _properties(blob) | {"Content-Range": span}
            self.answer(HTTPStatus.PARTIAL_CONTENT, part, headers=headers)
        else:
            self.answer(HTTPStatus.OK, blob.content, headers=_properties(blob))

    def give_list(self) -> None:
        asked = self.asked()
        container = self.state.containers.get(asked.container)
        if not self.is_signed():
            self.answer(HTTPStatus.FORBIDDEN, code="AuthenticationFailed")
        elif container is None:
            self.answer(HTTPStatus.NOT_FOUND, code="ContainerNotFound")
        else:
            entries = _entries(container, asked.query.get("prefix", ""), asked.query["delimiter"])
            rest = [entry for entry in entries if entry >= asked.query.get("marker", "")]
            text = "".join(_entry(name, container.get(name)) for name in rest[:PAGE])
            following = escape("".join(rest[PAGE : PAGE + 1]))
            page = (
                f'<?xml version="1.0" encoding="utf-8"?><EnumerationResults><Blobs>{text}</Blobs>'
                f"<NextMarker>{following}</NextMarker></EnumerationResults>"
            )
            headers = {"Content-Type": "application/xml"}
            self.answer(HTTPStatus.OK, page.encode(), headers=headers)

    def answer(
        self,
        status: HTTPStatus,
        body: bytes = b"",
        *,
        code: str = "",
        headers: dict[str, str] | None = None,
    ) -> None:
        if code:
            body = f"<?xml version='1.0'?><Error><Code>{code}</Code></Error>".encode()
            headers = {"x-ms-error-code": code}
        self.send_response(status)
        # The client ends the process when a header that it always expects is not there.
        for name, value in {"x-ms-request-server-encrypted": "true", **(headers or {})}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def is_signed(self) -> bool:
        given = self.headers.get("Authorization")
        if given is None:
            return dict(parse_qsl(SIGNATURE)).items() <= self.asked().query.items()
        own = {name.lower(): value for name, value in self.headers.items()}
        own = {name: value for name, value in own.items() if name.startswith("x-ms-")}
        asked = self.asked()
        lines = [
            self.command,
            *(self.headers.get(name, "") for name in SIGNED_HEADERS),
            *(f"{name}:{own[name]}" for name in sorted(own)),
            f"/{ACCOUNT}{urlsplit(self.path).path}",
            *(f"{name}:{asked.query[name]}" for name in sorted(asked.query)),
        ]
        lines[3] = lines[3].removeprefix("0")  # a length of nothing is signed as nothing
        digest = hmac.new(base64.b64decode(KEY), "\n".join(lines).encode(), hashlib.sha256).digest()
        return given == f"SharedKey {ACCOUNT}:{base64.b64encode(digest).decode()}"

    def asked(self) -> _Asked:
        where = urlsplit(self.path)
        account, _, rest = where.path.removeprefix("/").partition("/")
        assert account == ACCOUNT
        container, _, name = rest.partition("/")
        query = dict(parse_qsl(where.query, keep_blank_values=True))
        return _Asked(container, unquote(name), query)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


class _Asked(NamedTuple):
    container: str
    name: str
    query: dict[str, str]


def _properties(blob: Blob) -> dict[str, str]:
    return {
        "Last-Modified": blob.changed,
        "ETag": _tag(blob),
        "x-ms-blob-type": "BlockBlob",
        "x-ms-creation-time": blob.changed,
        "x-ms-server-encrypted": "true",
    }


def _tag(blob: Blob) -> str:
    return f'"{hashlib.sha256(blob.content).hexdigest()[:16]}"'


def _entries(container: dict[str, Blob], prefix: str, delimiter: str) -> list[str]:
    """Names below a prefix, and once each the folders that their names go through."""
    entries = set()
    for name in container:
        if name.startswith(prefix):
            head, found, _ = name.removeprefix(prefix).partition(delimiter)
            entries.add(prefix + head + found)
    return sorted(entries)


def _entry(name: str, blob: Blob | None) -> str:
    if blob is None or name.endswith("/"):
        return f"<BlobPrefix><Name>{escape(name)}</Name></BlobPrefix>"
    return (
        f"<Blob><Name>{escape(name)}</Name><Properties><Last-Modified>{blob.changed}"
        f"</Last-Modified><Etag>{escape(_tag(blob))}</Etag><Content-Length>{len(blob.content)}"
        f"</Content-Length><BlobType>BlockBlob</BlobType></Properties></Blob>"
    )
