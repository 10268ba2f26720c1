"""Recordings damaged in ways that lead parsers astray; the same seed, the same damage."""

import random
from collections.abc import Callable, Sequence
from typing import Final

from fanscribe.media.limits import KIB

# Where containers say what they hold, most often.
_HEAD_BYTES: Final = 4 * KIB
_LENGTHS: Final = (0, 1, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF)

Mutation = Callable[[random.Random, bytearray, Sequence[bytes]], None]


def mutated(seed: int, content: bytes, strangers: Sequence[bytes]) -> bytes:
    """Damage a recording's head; `strangers` are put into it here and there."""
    chance = random.Random(seed)
    damaged = bytearray(content)
    for mutation in chance.choices(_MUTATIONS, k=chance.randint(1, 4)):
        mutation(chance, damaged, strangers)
    return bytes(damaged) or b"\0"


def _at(chance: random.Random, damaged: bytearray) -> int:
    """A place in the head, or now and then anywhere."""
    end = len(damaged) if chance.random() < 0.2 else min(len(damaged), _HEAD_BYTES)
    # The first bytes tell what the rest is read as.
    return chance.randrange(max(1, end if chance.random() < 0.7 else min(end, 128)))


def _noise(chance: random.Random, damaged: bytearray, _: Sequence[bytes]) -> None:
    for _i in range(chance.randint(1, 16)):
        at = _at(chance, damaged)
        damaged[at : at + 1] = bytes([chance.randrange(256)])


def _bit(chance: random.Random, damaged: bytearray, _: Sequence[bytes]) -> None:
    at = _at(chance, damaged)
    if at < len(damaged):
        damaged[at] ^= 1 << chance.randrange(8)


def _length(chance: random.Random, damaged: bytearray, _: Sequence[bytes]) -> None:
    """Put a length in that cannot be true."""
    at, width = _at(chance, damaged), chance.choice((1, 2, 4, 8))
    value = chance.choice(_LENGTHS) & (256**width - 1)
    damaged[at : at + width] = value.to_bytes(width, chance.choice(("big", "little")))


def _cut(chance: random.Random, damaged: bytearray, _: Sequence[bytes]) -> None:
    if chance.random() < 0.3:
        del damaged[_at(chance, damaged) :]
    else:
        at = _at(chance, damaged)
        del damaged[at : at + chance.randint(1, 512)]


def _double(chance: random.Random, damaged: bytearray, _: Sequence[bytes]) -> None:
    at = _at(chance, damaged)
    damaged[at:at] = damaged[at : at + chance.randint(1, 2048)]


def _stranger(chance: random.Random, damaged: bytearray, strangers: Sequence[bytes]) -> None:
    """Put something in, over what was there or between."""
    stranger, at = chance.choice(strangers), _at(chance, damaged)
    over = len(stranger) if chance.random() < 0.5 else 0
    damaged[at : at + over] = stranger


_MUTATIONS: Final[tuple[Mutation, ...]] = (_noise, _bit, _length, _cut, _double, _stranger)
