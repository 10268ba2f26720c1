"""Transcribes three minutes of real speech with a local stack, and counts the wrong words."""

import os
import subprocess
import sys
from pathlib import Path

import click
import jiwer
from whisper_normalizer.english import EnglishTextNormalizer

from demo.recording import CLIPS, Clip, read_clips, write_recording

FOLDER = Path(".fanscribe/demo")
# Far above what the model does: beyond it, something is broken.
ABSURD_WORD_ERROR_RATE = 0.20


def main() -> None:
    """Make the recording, transcribe it, compare. Exits with the command's code if it fails."""
    clips = read_clips(CLIPS)
    FOLDER.mkdir(parents=True, exist_ok=True)
    recording, transcript = FOLDER / "speech.wav", FOLDER / "transcript.txt"
    told = write_recording(clips, recording)
    click.echo(f"{recording}: LibriVox volunteers read Jane Austen, over and over\n")

    command = ["fanscribe", "transcribe", str(recording), "--output", str(transcript)]
    command += ["--model", "tiny.en", "--splitters", "2", "--macro-chunk-size-sec", "30"]
    click.echo(f"$ {' '.join(command)}")
    # The command of the environment that runs this.
    command[0] = str(Path(sys.executable).with_name("fanscribe"))
    status = _run(command)
    if status != 0:
        sys.exit(status)
    click.echo()
    _compare(told, transcript.read_text(encoding="utf-8"))
    click.echo(_NEXT)


def _run(command: list[str]) -> int:
    # The demo is about a stack of its own, whatever server the caller is used to.
    environment = {name: value for name, value in os.environ.items() if name != "FANSCRIBE_SERVER"}
    with subprocess.Popen(command, env=environment) as process:  # noqa: S603
        try:
            return process.wait()
        except KeyboardInterrupt:
            # The command got the signal too, and cleans up.
            return process.wait()


def _compare(told: list[Clip], text: str) -> None:
    click.echo(text)
    normal = EnglishTextNormalizer()
    reference = normal(" ".join(clip.text for clip in told))
    rate = jiwer.wer(reference, normal(text))
    click.echo(f"{rate:.1%} of {len(reference.split())} words are wrong (word error rate)\n")
    if rate > ABSURD_WORD_ERROR_RATE:
        sys.exit(f"demo: more than {ABSURD_WORD_ERROR_RATE:.0%} is no transcript of this speech")


_NEXT = f"""What to try next (`. .venv/bin/activate` first):
  fanscribe transcribe {FOLDER}/speech.wav --format srt --word-timestamps
  fanscribe transcribe https://.../talk.mp3 --output talk.vtt    a recording on a web server
  fanscribe up                                                   a stack that stays, for
  fanscribe transcribe --server localhost:50051 RECORDING        any number of jobs"""

if __name__ == "__main__":
    main()
