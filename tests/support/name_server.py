"""A DNS server for one name at a time: whatever it is asked for is where it is told, or nowhere."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final, cast

_HEADER: Final = struct.Struct("!HHHHHH")  # id, flags, questions, answers, authorities, additional
_ANSWER: Final = 0x8180  # recursion asked for and available, no error
_IPV4: Final = 1
_TTL_S: Final = 1


class NameServer(asyncio.DatagramProtocol):
    """Answers with `address`, and counts who asks for IPv4 addresses."""

    def __init__(self) -> None:
        self.address: str | None = None
        self.lookups = 0
        self.port = 0
        self._transport: asyncio.DatagramTransport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep what answers go out by."""
        self._transport = cast("asyncio.DatagramTransport", transport)
        self.port = transport.get_extra_info("sockname")[1]

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        """Answer the one question of a query."""
        question = data[_HEADER.size : data.index(b"\0", _HEADER.size) + 5]
        (kind,) = struct.unpack("!H", question[-4:-2])
        records = b""
        if kind == _IPV4:
            self.lookups += 1
            if self.address is not None:
                # Its name is that of the question, at byte 12.
                records = struct.pack("!HHHIH", 0xC00C, _IPV4, 1, _TTL_S, 4)
                records += socket.inet_aton(self.address)
        number = data[:2]
        header = number + _HEADER.pack(0, _ANSWER, 1, bool(records), 0, 0)[2:]
        self._transport.sendto(header + question + records, addr)


@asynccontextmanager
async def name_server() -> AsyncIterator[NameServer]:
    """Serve names on a port of the loopback interface."""
    loop = asyncio.get_running_loop()
    transport, server = await loop.create_datagram_endpoint(NameServer, local_addr=("127.0.0.1", 0))
    try:
        yield server
    finally:
        transport.close()
