"""The splitter's domain as protobuf messages, and back."""

from typing import Final

from fanscribe.media.anchor import Anchor
from fanscribe.media.framegrid import FrameGrid
from fanscribe.media.headers import RequestHeaders
from fanscribe.media.probe import Recording
from fanscribe.media.recording import Strategy
from fanscribe.media.source import Source
from fanscribe.media.timeline import Span, ms_of, samples_of_s
from fanscribe.splitter.chunker import MicroChunk
from fanscribe.splitter.transcription import ModelOptions, TextSegment, Transcript
from fanscribe.splitter.worker import Assignment
from fanscribe.v1 import splitter_pb2 as pb
from fanscribe.v1 import transcriber_pb2

# In place of a language: each micro chunk in its own.
_MULTILINGUAL: Final = "multi"

_STRATEGIES: Final = {
    pb.STRATEGY_SPANS: Strategy.SPANS,
    pb.STRATEGY_SEQUENTIAL: Strategy.SEQUENTIAL,
    pb.STRATEGY_JOINED: Strategy.JOINED,
}


def assignment_of(message: pb.ChunkAssignment) -> Assignment:
    """Read an assignment."""
    media, options = message.media, message.options
    return Assignment(
        recording=Recording(
            source=Source(
                url=media.url,
                size_bytes=media.size_bytes,
                etag=media.etag,
                last_modified=media.last_modified,
                headers=RequestHeaders.of(media.headers),
            ),
            container=media.container,
            codec="",
            stream_index=media.stream_index,
            start_time_us=media.start_time_us,
            duration_samples=media.duration_samples,
            grid=_grid(media.grid) if media.HasField("grid") else None,
            strategy=_STRATEGIES.get(media.strategy, Strategy.SPANS),
            duration_is_exact=media.duration_is_exact,
        ),
        span=_span(message.span),
        to_end=message.to_end,
        longest_micro_chunk_s=options.micro_chunk_size_sec,
        options=ModelOptions(
            language="" if options.language == _MULTILINGUAL else options.language,
            task="translate" if options.task == transcriber_pb2.TASK_TRANSLATE else "transcribe",
            word_timestamps=options.word_timestamps,
            initial_prompt=options.initial_prompt,
        ),
        received=frozenset(message.received_start_samples),
        anchor=_anchor(message.anchor) if message.HasField("anchor") else None,
        known_rest=_span(message.known_rest) if message.HasField("known_rest") else None,
    )


def _span(message: pb.SampleSpan) -> Span:
    return Span(message.start_sample, message.end_sample)


def _grid(message: pb.FrameGrid) -> FrameGrid:
    return FrameGrid(message.rate_hz, message.frame_samples, message.first_sample)


def _anchor(message: pb.Anchor) -> Anchor:
    return Anchor(
        start_byte=message.start_byte,
        header_bytes=message.header_bytes,
        filler=message.filler,
        offset_us=message.offset_us,
        end_us=message.end_us if message.HasField("end_us") else None,
    )


def micro_result_message(
    ref: pb.ChunkRef, chunk: MicroChunk, transcript: Transcript | None
) -> pb.MicroResult:
    """Render the text of a micro chunk; `transcript` is None for silence."""
    result = pb.MicroResult(
        chunk=ref,
        span=pb.SampleSpan(start_sample=chunk.span.start_sample, end_sample=chunk.span.end_sample),
        transcribed_samples=chunk.transcribed_samples,
        speech_samples=chunk.speech_samples,
    )
    if transcript is not None:
        start_ms = ms_of(chunk.audio_start_sample)
        wordless_samples = samples_of_s(transcript.wordless_ms / 1000)
        result.wordless_samples = min(wordless_samples, chunk.speech_samples)
        result.language = transcript.language
        result.language_probability = transcript.language_probability
        result.joined_languages.extend(sorted(transcript.joined_languages))
        result.segments.extend(
            _segment(segment, start_ms, transcript.language) for segment in transcript.segments
        )
        if transcript.truncated:
            end_ms = ms_of(chunk.span.end_sample)
            result.warnings.append(
                f"text may be missing between {start_ms / 1000:.0f} s and {end_ms / 1000:.0f} s: "
                "the model wrote as much as it can write at once"
            )
    return result


def _segment(segment: TextSegment, start_ms: int, language: str) -> transcriber_pb2.Segment:
    return transcriber_pb2.Segment(
        start_ms=start_ms + segment.start_ms,
        end_ms=start_ms + segment.end_ms,
        text=segment.text,
        language=language,
        avg_logprob=segment.avg_logprob,
        no_speech_prob=segment.no_speech_prob,
        compression_ratio=segment.compression_ratio,
        words=[
            transcriber_pb2.Word(
                start_ms=start_ms + word.start_ms,
                end_ms=start_ms + word.end_ms,
                text=word.text,
                probability=word.probability,
            )
            for word in segment.words
        ],
    )
