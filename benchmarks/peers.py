"""What is compared. `python -m benchmarks.peers` runs one of them for benchmarks.peer_process.

Each peer imports what it needs when it starts, so that its process holds nothing of the others, and
that an interpreter need not have what others need.
"""

import asyncio
import json
import os
import signal
import sys
import time
import traceback
from pathlib import Path
from typing import Final

from benchmarks.fanscribe_peers import SPLITTERS, bare_ctranslate2, fanscribe
from benchmarks.peer import Options, Peer, Transcribe
from benchmarks.whisper_peers import faster_whisper_batched, faster_whisper_sequential, whisperx

FANSCRIBE: Final = "fanscribe"
BATCHED: Final = "faster-whisper batched"
SEQUENTIAL: Final = "faster-whisper sequential"
WHISPERX: Final = "WhisperX"
BARE: Final = "bare CTranslate2"

PEERS: Final[dict[str, Peer]] = {
    FANSCRIBE: fanscribe,
    BATCHED: faster_whisper_batched,
    WHISPERX: whisperx,
    SEQUENTIAL: faster_whisper_sequential,
    BARE: bare_ctranslate2,
}


async def _run(name: str, weights: Path, warm_up: Path | None) -> None:
    """Load, warm up, say so; answer each line of standard input; at its end leave."""
    # Whatever libraries print must not get between the answers.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())

    def answer(**fields: object) -> None:
        print(json.dumps(fields), file=answers, flush=True)

    async with PEERS[name](weights) as transcribe:
        if warm_up is not None:
            # So many at a time that every splitter gets one.
            await asyncio.gather(*(transcribe(warm_up, Options()) for _ in range(SPLITTERS)))
        answer(ready=True)
        while line := await asyncio.to_thread(sys.stdin.readline):
            answer(**await _answer(transcribe, line))


async def _answer(transcribe: Transcribe, line: str) -> dict[str, object]:
    request = json.loads(line)
    path, options = Path(request["path"]), Options(**request["options"])
    started_s = time.perf_counter()
    try:
        transcription = await transcribe(path, options)
    except Exception as error:  # noqa: BLE001  whatever it is, it is the peer's answer
        traceback.print_exc()
        return {"error": f"{type(error).__name__}: {error}"}
    wall_s = time.perf_counter() - started_s
    return {"wall_s": wall_s, "transcription": transcription.to_json()}


if __name__ == "__main__":
    try:
        _warm_up = Path(sys.argv[3]) if len(sys.argv) > 3 else None
        asyncio.run(_run(sys.argv[1], Path(sys.argv[2]), _warm_up))
    except asyncio.CancelledError:
        sys.exit(128 + signal.SIGTERM)
