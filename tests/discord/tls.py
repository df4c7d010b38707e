"""A throw-away certificate authority, and a resolver that sends Discord's names to the loopback."""

from __future__ import annotations

import socket
import ssl

import trustme
from aiohttp.abc import AbstractResolver, ResolveResult

API, GATEWAY = "discord.com", "gateway.discord.gg"
CDNS = ("cdn.discordapp.com", "media.discordapp.net")
PROXIES = ("images-ext-1.discordapp.net", "images-ext-2.discordapp.net")
# Those that resize pictures.
RESIZING = (CDNS[1], *PROXIES)
HOSTS = (API, GATEWAY, *CDNS, *PROXIES)


def certificates() -> tuple[bytes, ssl.SSLContext]:
    """A new authority: its certificate (PEM), and a server's context with one it signed."""
    authority = trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(*HOSTS).configure_cert(context)
    return authority.cert_pem.bytes(), context


class Resolver(AbstractResolver):
    """Answers for Discord's names only; every name that is asked for is kept in ``asked``."""

    def __init__(self, address: str, port: int) -> None:
        self.asked: list[str] = []
        self._address, self._port = address, port

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        self.asked.append(host)
        if host not in HOSTS:
            raise OSError(f"{host} is not on the loopback")
        found = ResolveResult(
            hostname=host, host=self._address, port=self._port, family=socket.AF_INET, proto=0, flags=0
        )
        return [found]

    async def close(self) -> None:
        """Nothing is held."""
