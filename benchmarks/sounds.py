"""Sounds in which nobody speaks, made by sox: silence, noise, tones, music."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Final

_FORMAT: Final = ("-r", "16000", "-c", "1", "-b", "16")
# As loud as speech; noise is heard as loud as it is at a lower level.
_NOISE: Final = ("gain", "-n", "-20")
_TONE: Final = ("gain", "-n", "-12")
# Four bars of four chords each, and a tune of eight notes a bar above them.
_CHORDS: Final = ("C3 E3 G3 C4", "A2 C3 E3 A3", "F2 A2 C3 F3", "G2 B2 D3 G3")
_TUNE: Final = ("E5 G5 C5 G4", "C5 E5 A4 E4", "A4 C5 F5 C5", "B4 D5 G4 D5")
_CHORD_S: Final = 2.0


class SoundError(Exception):
    """sox is missing, or failed."""


Make = Callable[[Path, float, Path], None]


def make_sounds(folder: Path, seconds: float) -> dict[str, Path]:
    """Make every sound, `seconds` long each; returns the files by name. Raises SoundError."""
    if shutil.which("sox") is None:
        raise SoundError("sox is not installed: apt-get install sox")
    made = {}
    for name, make in _SOUNDS.items():
        made[name] = folder / f"{name.replace(' ', '_')}.wav"
        make(made[name], seconds, folder)
    return made


def _silence(target: Path, seconds: float, _: Path) -> None:
    _sox("-n", *_FORMAT, target, "trim", 0, seconds)


def _noise(colour: str) -> Make:
    def make(target: Path, seconds: float, _: Path) -> None:
        _sox("-R", "-n", *_FORMAT, target, "synth", seconds, f"{colour}noise", *_NOISE)

    return make


def _hum(target: Path, seconds: float, _: Path) -> None:
    """Mains hum and its overtones."""
    parts = [part for hertz in (50, 100, 150, 250) for part in ("sine", hertz)]
    _sox("-n", *_FORMAT, target, "synth", seconds, *parts, "remix", "-", *_TONE)


def _dialling(target: Path, seconds: float, folder: Path) -> None:
    """A dial tone, ringing, then touch tones, over and over."""
    dial, ring, touch = (folder / f"{name}.wav" for name in ("dial", "ring", "touch"))
    _sox("-n", *_FORMAT, dial, "synth", 3, "sine", 350, "sine", 440, "remix", "-", *_TONE)
    _sox(
        *("-n", *_FORMAT, ring, "synth", 2, "sine", 440, "sine", 480),
        *("remix", "-", *_TONE, "pad", 0, 4, "repeat", 2),
    )
    _sox(
        *("-n", *_FORMAT, touch, "synth", 0.2, "sine", 770, "sine", 1336),
        *("remix", "-", *_TONE, "pad", 0, 0.2, "repeat", 9),
    )
    _repeated([dial, ring, touch], target, seconds)


def _sweep(target: Path, seconds: float, folder: Path) -> None:
    """A siren, up and down."""
    up, down = folder / "up.wav", folder / "down.wav"
    _sox("-n", *_FORMAT, up, "synth", 4, "sine", "300-1500", *_TONE)
    _sox("-n", *_FORMAT, down, "synth", 4, "sine", "1500-300", *_TONE)
    _repeated([up, down], target, seconds)


def _music(target: Path, seconds: float, folder: Path) -> None:
    """Plucked strings: chords and a tune, with a drum of filtered noise."""
    bars = []
    for number, (chord, tune) in enumerate(zip(_CHORDS, _TUNE, strict=True)):
        strings = [part for note in chord.split() for part in ("pluck", note)]
        bar, notes, drum, mixed = (
            folder / f"{kind}_{number}.wav" for kind in ("chord", "tune", "drum", "bar")
        )
        _sox("-n", *_FORMAT, bar, "synth", _CHORD_S, *strings, "remix", "-", "gain", "-n", -9)
        plucks = []
        for place, note in enumerate(tune.split()):
            plucks.append(folder / f"note_{number}_{place}.wav")
            _sox("-n", *_FORMAT, plucks[-1], "synth", _CHORD_S / 4, "pluck", note, "gain", "-n", -9)
        _sox(*plucks, notes)
        _sox(
            *("-R", "-n", *_FORMAT, drum, "synth", 0.12, "brownnoise", "fade", "l", 0, 0.12, 0.1),
            *("gain", "-n", -9, "pad", 0, _CHORD_S / 4 - 0.12, "repeat", 3),
        )
        _sox("-m", bar, notes, drum, mixed, "gain", "-n", -6)
        bars.append(mixed)
    _repeated(bars, target, seconds)


def _organ(target: Path, seconds: float, folder: Path) -> None:
    """Held chords of a reedy organ with tremolo, which is nearer to a voice than strings are."""
    bars = []
    for number, chord in enumerate(_CHORDS):
        pipes = [part for note in chord.split() for part in ("sawtooth", f"%{_semitones(note)}")]
        bars.append(folder / f"organ_{number}.wav")
        _sox(
            *("-n", *_FORMAT, bars[-1], "synth", 2 * _CHORD_S, *pipes, "remix", "-"),
            *("lowpass", 2500, "tremolo", 5.5, 40, "gain", "-n", -9),
        )
    _repeated(bars, target, seconds)


def _semitones(note: str) -> int:
    """Distance of a note such as "A3" from A4, which sox counts from."""
    return {"C": -9, "D": -7, "E": -5, "F": -4, "G": -2, "A": 0, "B": 2}[note[0]] + 12 * (
        int(note[1]) - 4
    )


def _repeated(parts: list[Path], target: Path, seconds: float) -> None:
    # One repeat too many costs nothing: it is trimmed.
    _sox(*parts, target, "repeat", round(seconds), "trim", 0, seconds)


_SOUNDS: Final[dict[str, Make]] = {
    "silence": _silence,
    "white noise": _noise("white"),
    "pink noise": _noise("pink"),
    "brown noise": _noise("brown"),
    "mains hum": _hum,
    "telephone tones": _dialling,
    "siren": _sweep,
    "plucked strings": _music,
    "organ": _organ,
}


def _sox(*arguments: object) -> None:
    command = ["sox", "-V1", *map(str, arguments)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        raise SoundError(f"{' '.join(command)}: {done.stderr.strip()}")
