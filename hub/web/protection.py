"""What every answer carries and every request must show: security headers, and no writes from other sites."""

from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hub.web.errors import problem

_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_WITHOUT_COOKIES = ("/tmf-api/", "/oauth/", "/webhooks/")
"""Where only a bearer token, a client's secret or a provider's signature counts: another site's page has none of them, so it cannot
misuse anybody's.
"""


def content_security_policy(map_tiles_url: str = "") -> str:
    """Only this site's own scripts, styles and images, nothing inline; the map's tile server may add images."""
    tiles = ""
    if map_tiles_url:
        parts = urlsplit(map_tiles_url)
        tiles = f" {parts.scheme}://{parts.netloc.replace('{s}', '*')}"
    return (
        "default-src 'none'; script-src 'self'; style-src 'self'; "
        f"img-src 'self' data: blob:{tiles}; font-src 'self'; connect-src 'self'; manifest-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'; object-src 'none'"
    )


class SecurityHeaders:
    """Adds the headers to every answer, error pages included."""

    def __init__(self, app: ASGIApp, *, policy: str, https: bool) -> None:
        self._app = app
        self._headers = {
            "Content-Security-Policy": policy,
            "X-Content-Type-Options": "nosniff",
            "X-Frame-Options": "DENY",
            "Referrer-Policy": "same-origin",
            "Permissions-Policy": "camera=(self), geolocation=(), microphone=(), payment=()",
            "Cross-Origin-Opener-Policy": "same-origin",
            "Cross-Origin-Resource-Policy": "same-origin",
            "X-Robots-Tag": "noindex, nofollow",
        }
        if https:
            self._headers["Strict-Transport-Security"] = "max-age=31536000; includeSubDomains"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and complete the answer's headers."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, send_with_headers)


class SameSiteWrites:
    """Refuses a browser's write that another site started (CSRF).

    Browsers say where a request comes from (`Sec-Fetch-Site`, `Origin`) and no page can forge that. A request without either
    comes from a program, which carries no cookies of a person; the staff pages check a form token besides.
    """

    def __init__(self, app: ASGIApp, *, public_url: str) -> None:
        self._app = app
        self._own = urlsplit(public_url).netloc

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 403 to a cross-site write, pass on everything else."""
        writes = scope["type"] == "http" and scope["method"] not in _SAFE_METHODS
        if writes and not scope["path"].startswith(_WITHOUT_COOKIES) and self._is_foreign(Headers(scope=scope)):
            refusal = problem(403, "cross-site-write", "This was sent from another site, so it was not carried out.")
            await refusal(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _is_foreign(self, headers: Headers) -> bool:
        site = headers.get("sec-fetch-site")
        if site is not None:
            return site not in {"same-origin", "none"}
        origin = headers.get("origin")
        return origin is not None and urlsplit(origin).netloc not in {self._own, headers.get("host", "")}
