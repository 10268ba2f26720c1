"""Every format read in spans, against a full decode: `python -m benchmarks.media`."""

import argparse
import asyncio
import sys
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from benchmarks.machine import this_machine
from benchmarks.media_host import media_host
from benchmarks.media_readings import LongRow, SpansRow, read_in_spans, read_single_spans
from benchmarks.media_tables import long_table, spans_table
from benchmarks.table import write_json
from tests.support.audio import joined_speech
from tests.support.formats import BY_NAME, FORMATS, LONG, Format, make, make_long

_RESULTS: Final = Path(__file__).with_name("results") / "media.json"


def main() -> None:
    """Run the benchmark; exits with 1 if a promise does not hold."""
    arguments = _arguments()
    with TemporaryDirectory(prefix="fanscribe-bench-") as temporary:
        folder = arguments.folder or Path(temporary)
        try:
            passed = asyncio.run(_benchmark(arguments, folder))
        except KeyboardInterrupt:
            sys.exit(130)
    sys.exit(0 if passed else 1)


async def _benchmark(arguments: argparse.Namespace, folder: Path) -> bool:
    wanted = [one for one in FORMATS if not arguments.formats or one.name in arguments.formats]
    long = [BY_NAME[name] for name in LONG if BY_NAME[name] in wanted] if arguments.hours else []
    spans = [] if arguments.minutes == 0 else await _in_spans(wanted, arguments.minutes, folder)
    single = await _single_spans(long, arguments.hours, folder) if long else []
    machine = this_machine()
    print(f"{machine.cpu}, {machine.cores} cores, {machine.time}.\n")
    if spans:
        print(f"{spans_table(spans, arguments.minutes)}\n")
    if single:
        print(f"{long_table(single, arguments.hours)}\n")
    content = {
        "machine": asdict(machine),
        "minutes": arguments.minutes,
        "hours": arguments.hours,
        "spans": [{**asdict(row), "byte_ratio": row.byte_ratio} for row in spans],
        "long": [asdict(row) for row in single],
    }
    write_json(arguments.json, content)
    failed = [row.name for row in spans if row.failures]
    failed += [f"{row.name} ({arguments.hours:g} h)" for row in single if row.failures]
    _tell(f"wrote {arguments.json}; " + (f"failed: {', '.join(failed)}" if failed else "all hold"))
    return not failed


async def _in_spans(wanted: list[Format], minutes: float, folder: Path) -> list[SpansRow]:
    folder = folder / f"{minutes:g}_minutes"
    folder.mkdir(parents=True, exist_ok=True)
    speech = _speech(folder, minutes)
    rows = []
    async with media_host(folder) as host:
        for one in wanted:
            path = make(one, speech, folder)
            rows.append(await read_in_spans(one, path, _size_bytes(path), host))
            _tell(f"{one.name}: {', '.join(rows[-1].failures) or 'holds'}")
    return rows


async def _single_spans(wanted: list[Format], hours: float, folder: Path) -> list[LongRow]:
    folder = folder / f"{hours:g}_hours"
    folder.mkdir(parents=True, exist_ok=True)
    speech = _speech(folder, 10)
    rows = []
    async with media_host(folder) as host:
        for one in wanted:
            path = make_long(one, speech, folder, hours * 3600)
            rows.append(await read_single_spans(one, path, _size_bytes(path), host))
            _tell(f"{one.name}, {hours:g} h: {', '.join(rows[-1].failures) or 'holds'}")
    return rows


def _speech(folder: Path, minutes: float) -> Path:
    speech = folder / "speech.wav"
    if not speech.exists():
        joined_speech(speech, minutes * 60)
    return speech


def _size_bytes(path: Path) -> int:
    return path.stat().st_size


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.media", description=__doc__)
    parser.add_argument("formats", nargs="*", help="names from tests/support/formats.py; else all")
    parser.add_argument("--minutes", type=float, default=50, help="of each format (0: none)")
    parser.add_argument("--hours", type=float, default=10, help="of the long ones (0: none)")
    parser.add_argument("--folder", type=Path, help="keeps the recordings that were made")
    parser.add_argument("--json", type=Path, default=_RESULTS, help="file to write the results to")
    arguments = parser.parse_args()
    unknown = set(arguments.formats) - set(BY_NAME)
    if unknown:
        parser.error(f"no such format: {', '.join(sorted(unknown))}")
    return arguments


def _tell(message: str) -> None:
    print(message, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
