"""Files that are several recordings, one after the other, each of which counts its own time.

No time stamp leads to the second one, and what tells the length means one of them alone: read in
spans, they would be transcribed in part, without a sign of it.
"""

import asyncio
from itertools import pairwise
from typing import Final

from fanscribe.media.anchor import Mark
from fanscribe.media.landmarks import JoinedError, Layout, UnsearchableError, seen
from fanscribe.media.limits import KIB
from fanscribe.media.pages import PAGE_BYTES
from fanscribe.media.ranges import RangeReader
from fanscribe.runtime.errors import domain_error

_NEAREST_BYTES: Final = PAGE_BYTES  # to the beginning: closer, nothing is looked for
_REACH_BYTES: Final = 128 * KIB  # of a look: without pictures, marks are closer than that, mostly
_FROM_END_BYTES: Final = (8 * KIB, 32 * KIB, 128 * KIB)
_AT_ONCE: Final = 8  # requests
_STEP_BACK_US: Final = 1_000_000  # streams may lie so much beside one another
_WRAPPED_US: Final = 12 * 3600 * 1_000_000  # the clock of MPEG-TS begins anew after 26 hours


async def look_for_joins(reader: RangeReader, layout: Layout) -> list[Mark]:
    """Raise JoinedError where time begins anew; return the marks that were seen, in order.

    Looks at places each of which is half as far again from the beginning as the one before it. So
    wherever time begins anew first, the look before that tells a later time than the look behind.
    """
    if not layout.can_be_joined:
        return []
    end = reader.source.size_bytes
    places = _places(layout.header_bytes, end)
    looking = asyncio.Semaphore(_AT_ONCE)

    async def look(place: int) -> list[Mark]:
        async with looking:
            return await seen(reader, layout, place, min(end, place + _REACH_BYTES))

    try:
        async with asyncio.TaskGroup() as group:
            looks = [group.create_task(look(place)) for place in places]
    except ExceptionGroup as error:
        if error.subgroup(UnsearchableError):
            return []
        raise domain_error(error) or error from error
    times_us = [marks[0].time_us for look in looks if (marks := look.result())]
    for before_us, after_us in pairwise(times_us):
        if _STEP_BACK_US < before_us - after_us < _WRAPPED_US:
            raise JoinedError
    return [mark for look in looks for mark in look.result()]


def _places(start: int, end: int) -> list[int]:
    """Where to look in the bytes [start, end), in order; empty: nowhere, there is little."""
    places = []
    distance = (end - start) * 2 // 3
    while distance > _NEAREST_BYTES:
        places.append(start + distance)
        distance = distance * 2 // 3
    # The last one may be short.
    tails = [end - distance for distance in _FROM_END_BYTES if end - distance > start]
    # Whole pages are fetched.
    return sorted({place - place % PAGE_BYTES for place in places + tails}) if places else []
