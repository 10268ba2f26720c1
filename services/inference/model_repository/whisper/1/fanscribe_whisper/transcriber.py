"""From windows of speech to results: decode, hold to account, put in words."""

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from itertools import count
from threading import Condition, Thread
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from fanscribe_whisper.decoder import Alignment, Decoder
from fanscribe_whisper.excerpts import MAX_AUDIO_MS, Window
from fanscribe_whisper.features import SAMPLE_RATE
from fanscribe_whisper.hypothesis import Hypothesis
from fanscribe_whisper.line import Line
from fanscribe_whisper.options import RequestError, parse_options
from fanscribe_whisper.results import build_result
from fanscribe_whisper.scrutiny import Asking, Scrutiny
from fanscribe_whisper.tuning import Tuning
from fanscribe_whisper.wants import Aligning, Decoding, Want

MAX_SAMPLES: Final = MAX_AUDIO_MS * SAMPLE_RATE // 1000


class AbandonedError(Exception):
    """Nobody waits for a window any more."""


@dataclass(eq=False)
class _Job:
    """A window in work: what has been found out so far is in `asking`."""

    number: int  # earlier ones are served first, whatever they want
    asking: Asking[dict[str, Any]]
    result: Future[dict[str, Any]]
    abandoned: Callable[[], bool]


@dataclass(frozen=True, eq=False)
class _Waiting:
    job: _Job
    want: Want


class Transcriber:
    """Transcribes windows with several workers, which compute what is alike together.

    A window is never bound to those it came with: whatever it wants next waits in a line for others
    that want the like. Workers are threads; CTranslate2 computes without Python's lock.
    """

    def __init__(self, decoder: Decoder, tuning: Tuning) -> None:
        self._decoder = decoder
        self._vocabulary = decoder.vocabulary
        self._tuning = tuning
        self._scrutiny = Scrutiny(self._vocabulary, tuning)
        self._line: Line[_Waiting] = Line(
            lambda first: tuning.together(first.want.beams),
            parts=tuning.workers if tuning.shared else 1,
        )
        self._room = Condition()
        self._in_work = 0
        self._numbers = count()
        self._workers = [Thread(target=self._work, daemon=True) for _ in range(tuning.workers)]
        for worker in self._workers:
            worker.start()

    def window(self, samples: npt.NDArray[np.int16], options_json: str | bytes) -> Window:
        """Check one request; raises RequestError if it cannot be done."""
        options = parse_options(options_json, self._vocabulary.languages)
        if not 0 < len(samples) <= MAX_SAMPLES:
            raise RequestError(
                f"AUDIO must hold 1 to {MAX_SAMPLES} samples (30 s at 16 kHz), not {len(samples)}"
            )
        prompt = self._vocabulary.prompt(options.initial_prompt)
        hearing = self._tuning.hearing(options.language)
        return Window(samples, options, prompt, hearing.hop_samples)

    def submit(
        self,
        windows: Sequence[Window],
        abandoned: Callable[[Window], bool] = lambda _: False,
    ) -> list[Future[dict[str, Any]]]:
        """Begin to transcribe windows; the futures get their RESULT objects.

        Waits while enough windows are in work. `abandoned` is asked between the steps: a window
        that nobody waits for is given up, with AbandonedError.
        """
        with self._room:
            self._room.wait_for(lambda: self._in_work < self._tuning.most_windows)
            self._in_work += len(windows)
        jobs = [
            _Job(next(self._numbers), self._listening(window), Future(), partial(abandoned, window))
            for window in windows
        ]
        for job in jobs:
            job.result.add_done_callback(self._leave)
        self._proceed([(job, None) for job in jobs])
        return [job.result for job in jobs]

    def close(self) -> None:
        """Finish what is in work, and end the workers. Nothing may be submitted any more."""
        with self._room:
            self._room.wait_for(lambda: not self._in_work)
        self._line.close()
        for worker in self._workers:
            worker.join()

    def _leave(self, _: object) -> None:
        with self._room:
            self._in_work -= 1
            self._room.notify_all()

    def _listening(self, window: Window) -> Asking[dict[str, Any]]:
        heard = yield from self._scrutiny.heard(window)
        alignments = yield from self._scrutiny.aligned(heard)
        return build_result(heard, alignments, self._vocabulary)

    def _work(self) -> None:
        while waiting := self._line.take():
            live = [one for one in waiting if not _over(one.job)]
            try:
                answers = self._answers(live) if live else []
            except Exception as error:  # noqa: BLE001  whoever waits is told
                for one in live:
                    one.job.result.set_exception(error)
            else:
                self._proceed(
                    [(one.job, answer) for one, answer in zip(live, answers, strict=True)]
                )

    def _answers(self, waiting: Sequence[_Waiting]) -> Sequence[Hypothesis | Alignment]:
        def check() -> None:
            if all(one.job.abandoned() for one in waiting):
                raise AbandonedError

        at_a_time = self._tuning.encoder_size
        # Of one kind: there are only one or only the other.
        aligning = [one.want for one in waiting if isinstance(one.want, Aligning)]
        if aligning:
            return self._decoder.align(aligning, at_a_time)
        decoding = [one.want for one in waiting if isinstance(one.want, Decoding)]
        return self._decoder.decode(decoding, at_a_time, check)

    def _proceed(self, answered: Sequence[tuple[_Job, Hypothesis | Alignment | None]]) -> None:
        """Let jobs go on with what they wanted, and line up for what they want next."""
        wanted = [(job, _next_want(job, answer)) for job, answer in answered]
        self._line.put(
            *((want.kind, job.number, _Waiting(job, want)) for job, want in wanted if want)
        )


def _next_want(job: _Job, answer: Hypothesis | Alignment | None) -> Want | None:
    """Return what a job wants once it has an answer (None to begin with); None if it is done."""
    try:
        return job.asking.send(answer)
    except StopIteration as done:
        job.result.set_result(done.value)
    except Exception as error:  # noqa: BLE001  whoever waits is told
        job.result.set_exception(error)
    return None


def _over(job: _Job) -> bool:
    """End a job that nobody waits for; returns whether it was one."""
    try:
        if not job.abandoned():
            return False
        job.result.set_exception(AbandonedError())
    except Exception as error:  # noqa: BLE001  whoever waits is told
        job.result.set_exception(error)
    return True
