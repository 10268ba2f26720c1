"""Python client of fanscribe.

::

    import asyncio
    from fanscribe.client import Client, Options, Segment

    async def main():
        async with Client("localhost:50051") as client:
            async for event in client.transcribe("https://example.org/talk.mp3", Options()):
                if isinstance(event, Segment):
                    print(event.text)

    asyncio.run(main())
"""

from fanscribe.client.client import Client
from fanscribe.client.errors import TranscriptionError
from fanscribe.client.events import (
    Completed,
    Coverage,
    Event,
    Plan,
    Progress,
    Segment,
    Transcript,
    Word,
)
from fanscribe.client.options import Options, Task
from fanscribe.runtime.tls import ClientTls

__all__ = [
    "Client",
    "ClientTls",
    "Completed",
    "Coverage",
    "Event",
    "Options",
    "Plan",
    "Progress",
    "Segment",
    "Task",
    "Transcript",
    "TranscriptionError",
    "Word",
]
