"""The orchestrator's domain as protobuf messages, and back."""

from typing import Final

from fanscribe.media.anchor import Anchor
from fanscribe.media.framegrid import FrameGrid
from fanscribe.media.recording import Strategy
from fanscribe.media.timeline import Span
from fanscribe.orchestrator.ledger import MicroResult, TextSegment, Word
from fanscribe.orchestrator.options import Options
from fanscribe.orchestrator.work import ChunkTask
from fanscribe.v1 import splitter_pb2, transcriber_pb2

_STRATEGIES: Final = {
    Strategy.SPANS: splitter_pb2.STRATEGY_SPANS,
    Strategy.SEQUENTIAL: splitter_pb2.STRATEGY_SEQUENTIAL,
    Strategy.JOINED: splitter_pb2.STRATEGY_JOINED,
}


def options_message(options: Options) -> transcriber_pb2.TranscribeOptions:
    """Render complete options."""
    return transcriber_pb2.TranscribeOptions(
        macro_chunk_size_sec=options.macro_chunk_s,
        micro_chunk_size_sec=options.micro_chunk_s,
        language=options.language,
        task=(
            transcriber_pb2.TASK_TRANSLATE if options.translate else transcriber_pb2.TASK_TRANSCRIBE
        ),
        word_timestamps=options.word_timestamps,
        initial_prompt=options.initial_prompt,
        audio_stream=options.audio_stream,
        audio_language=options.audio_language,
    )


def chunk_ref_of(task: ChunkTask) -> splitter_pb2.ChunkRef:
    """Name an attempt."""
    return splitter_pb2.ChunkRef(
        job_id=task.job.job_id, chunk_index=task.chunk.index, attempt=task.attempt
    )


def anchor_message(anchor: Anchor) -> splitter_pb2.Anchor:
    """Render where decoding may begin."""
    return splitter_pb2.Anchor(
        start_byte=anchor.start_byte,
        header_bytes=anchor.header_bytes,
        filler=anchor.filler,
        offset_us=anchor.offset_us,
        end_us=anchor.end_us,
    )


def _span_message(span: Span) -> splitter_pb2.SampleSpan:
    return splitter_pb2.SampleSpan(start_sample=span.start_sample, end_sample=span.end_sample)


def _grid_message(grid: FrameGrid) -> splitter_pb2.FrameGrid:
    return splitter_pb2.FrameGrid(
        rate_hz=grid.rate_hz,
        frame_samples=grid.frame_samples,
        first_sample=grid.first_sample,
    )


def assignment_of(task: ChunkTask, timeout_s: float) -> splitter_pb2.ChunkAssignment:
    """Render an attempt for the splitter; it may take `timeout_s` or what the job has left.

    One at a whole recording takes as long as that is; it is cancelled when it does not get on.
    """
    order = task.job.order(task.chunk)
    recording, source = order.recording, order.recording.source
    limits_s = [] if recording.is_sequential else [timeout_s]
    if order.time_left_s is not None:
        limits_s.append(order.time_left_s)
    return splitter_pb2.ChunkAssignment(
        chunk=chunk_ref_of(task),
        media=splitter_pb2.Media(
            url=source.url,
            size_bytes=source.size_bytes,
            etag=source.etag,
            last_modified=source.last_modified,
            container=recording.container,
            stream_index=recording.stream_index,
            start_time_us=recording.start_time_us,
            duration_samples=recording.duration_samples,
            headers=source.headers.as_dict(),
            grid=_grid_message(recording.grid) if recording.grid else None,
            strategy=_STRATEGIES[recording.strategy],
            duration_is_exact=recording.duration_is_exact,
        ),
        span=_span_message(task.chunk.span),
        to_end=task.chunk.to_end,
        options=options_message(order.options),
        timeout_ms=max(1, int(min(limits_s) * 1000)) if limits_s else 0,
        received_start_samples=order.received_starts,
        trace_context=order.trace_context,
        anchor=anchor_message(task.chunk.anchor) if task.chunk.anchor else None,
        known_rest=_span_message(order.known_rest) if order.known_rest else None,
    )


def micro_result_of(message: splitter_pb2.MicroResult) -> MicroResult:
    """Read the text of a micro chunk."""
    return MicroResult(
        span=Span(message.span.start_sample, message.span.end_sample),
        transcribed_samples=message.transcribed_samples,
        speech_samples=message.speech_samples,
        wordless_samples=message.wordless_samples,
        language=message.language,
        segments=tuple(_segment_of(segment) for segment in message.segments),
        warnings=tuple(message.warnings),
        language_probability=message.language_probability,
        joined_languages=tuple(message.joined_languages),
    )


def _segment_of(message: transcriber_pb2.Segment) -> TextSegment:
    return TextSegment(
        start_ms=message.start_ms,
        end_ms=message.end_ms,
        text=message.text,
        language=message.language,
        avg_logprob=message.avg_logprob,
        no_speech_prob=message.no_speech_prob,
        compression_ratio=message.compression_ratio,
        words=tuple(
            Word(word.start_ms, word.end_ms, word.text, word.probability) for word in message.words
        ),
    )


def segment_message(index: int, segment: TextSegment) -> transcriber_pb2.Segment:
    """Render a piece of text for the caller."""
    return transcriber_pb2.Segment(
        index=index,
        start_ms=segment.start_ms,
        end_ms=segment.end_ms,
        text=segment.text,
        language=segment.language,
        avg_logprob=segment.avg_logprob,
        no_speech_prob=segment.no_speech_prob,
        compression_ratio=segment.compression_ratio,
        words=[
            transcriber_pb2.Word(
                start_ms=word.start_ms,
                end_ms=word.end_ms,
                text=word.text,
                probability=word.probability,
            )
            for word in segment.words
        ],
    )
