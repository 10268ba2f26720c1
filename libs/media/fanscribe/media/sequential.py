"""What can only be decoded from the first byte on."""

import re
from typing import Final

from fanscribe.media.limits import KIB
from fanscribe.media.ranges import RangeReader
from fanscribe.media.recording import Recording

# In which nothing tells where anything is: for every span, ffmpeg would read all that lies before.
_WITHOUT_INDEX: Final = frozenset({"ac3", "amr", "amrnb", "amrwb", "dts", "eac3", "tak", "wv"})

_FLV_HEAD_BYTES: Final = 64 * KIB
# An array of two offsets or more.
_FLV_INDEX: Final = re.compile(rb"filepositions\x0a(?!\0\0\0[\0\1])", re.DOTALL)


async def leads_nowhere(reader: RangeReader, recording: Recording) -> bool:
    """Whether neither an index nor arithmetic leads into the middle of a recording."""
    if recording.container == "flv":  # its index is optional
        return not _FLV_INDEX.search(await reader.read_all(0, _FLV_HEAD_BYTES))
    return recording.container in _WITHOUT_INDEX
