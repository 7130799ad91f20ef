"""Who may ask: somebody at this address, with the token that was printed, who only reads.

    Host            one of ours, or nothing is said: a name that was made to point here (DNS rebinding) is none
    token           in the printed address once, then in a cookie that no other site's page can send
    method          GET
    answers         carry a policy that lets the page load and call nothing but this server

A browser says where a request comes from (Sec-Fetch-Site); another site's, another port's included, is refused too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from hmac import compare_digest
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs

from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
NUMBERS = re.compile(r"[0-9.]+|\[[0-9a-fA-F:.]+\]")  # an address itself, which nobody can make point elsewhere
GO_ON = (
    '<!doctype html><html lang="en"><meta charset="utf-8"><meta http-equiv="refresh" content="0;url=/">'
    '<link rel="icon" href="/assets/icon.svg"><title>straw</title><a href="/">straw</a></html>'
)
LONGEST = 8192  # bytes of a path with its query: two hundred runs side by side


class Guard:
    """Lets requests through to the app, or answers them itself."""

    def __init__(
        self, app: ASGIApp, *, token: str, port: int, on_the_network: bool = False, program: str = "straw ui"
    ) -> None:
        self.app, self.token, self.port, self.on_the_network = app, token, port, on_the_network
        self.program = program  # that prints the address
        self.cookie = f"straw_ui_{port}"  # cookies know no ports: two servers would take each other's

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            return await self.app(scope, receive, send)
        if scope["type"] != "http":
            return None
        refusal = self.refusal(scope)
        app: ASGIApp = refusal if refusal is not None else self.app

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                own = {name.encode(): value.encode() for name, value in HEADERS.items()}
                message["headers"] = [*((n, v) for n, v in message["headers"] if n not in own), *own.items()]
            await send(message)

        await app(scope, receive, send_with_headers)

    def refusal(self, scope: Scope) -> Response | None:
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        if not self.is_ours(headers.get("host", "")):
            return PlainTextResponse(f"this is not an address of {self.program}\n", 421)
        if scope["method"] != "GET":
            return PlainTextResponse(f"{self.program}'s page only reads: GET\n", 405, {"allow": "GET"})
        if len(scope.get("raw_path") or b"") + len(scope["query_string"]) > LONGEST:
            return PlainTextResponse("the address is too long\n", 414)
        if headers.get("sec-fetch-site", "none") not in ("same-origin", "none") and scope["path"] != "/":
            return PlainTextResponse("another site's page may not ask this\n", 403)
        return self.entry(scope, headers)

    def entry(self, scope: Scope, headers: dict[str, str]) -> Response | None:
        """The printed address is answered with the cookie, and a page that goes on to the address without its token.

        A redirect would not do where a page elsewhere held the link, as a terminal in a browser does: to the end of
        such a chain no browser sends a strict cookie.
        """
        given = parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])[0] if scope["path"] == "/" else ""
        if given and self.is_token(given):
            answer = HTMLResponse(GO_ON)
            answer.set_cookie(self.cookie, self.token, httponly=True, samesite="strict", path="/")
            return answer
        if not any(map(self.is_token, self.cookies(headers.get("cookie", "")))):
            return PlainTextResponse(
                f"open the whole address that `{self.program}` printed: it ends with a token\n", 403
            )
        return None

    def is_token(self, text: str) -> bool:
        return compare_digest(text.encode("utf-8", "replace"), self.token.encode())

    def cookies(self, header: str) -> Iterable[str]:
        try:
            found = SimpleCookie(header)
        except CookieError:
            return ()
        return [found[self.cookie].value] if self.cookie in found else []

    def is_ours(self, host: str) -> bool:
        name, colon, port = host.rpartition(":") if not host.endswith("]") else (host, "", "")
        name = name if colon else host
        if colon and port != str(self.port):
            return False
        return name.lower() in LOOPBACK or (self.on_the_network and NUMBERS.fullmatch(name) is not None)
