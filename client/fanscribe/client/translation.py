"""Protocol messages into the client's events."""

from fanscribe.client.events import Completed, Coverage, Event, Plan, Progress, Segment, Word
from fanscribe.client.options import Options
from fanscribe.v1 import transcriber_pb2 as pb


def event_of(message: pb.TranscribeEvent) -> Event | None:
    """Translate one event; None for a kind that a newer server invented."""
    match message.WhichOneof("event"):
        case "plan":
            return _plan(message.plan)
        case "progress":
            return _progress(message.progress)
        case "segment":
            return _segment(message.segment)
        case "completed":
            return _completed(message.completed)
        case _:
            return None


def _plan(message: pb.Plan) -> Plan:
    return Plan(
        job_id=message.job_id,
        duration_ms=message.duration_ms,
        size_bytes=message.size_bytes,
        macro_chunks=message.macro_chunks,
        container=message.container,
        codec=message.codec,
        options=Options.from_message(message.options),
        sequential=message.sequential,
    )


def _progress(message: pb.Progress) -> Progress:
    return Progress(
        done_ms=message.done_ms,
        duration_ms=message.duration_ms,
        elapsed_ms=message.elapsed_ms,
        macro_chunks_done=message.macro_chunks_done,
        macro_chunks_running=message.macro_chunks_running,
        macro_chunks=message.macro_chunks,
    )


def _segment(message: pb.Segment) -> Segment:
    return Segment(
        index=message.index,
        start_ms=message.start_ms,
        end_ms=message.end_ms,
        text=message.text,
        language=message.language,
        avg_logprob=message.avg_logprob,
        no_speech_prob=message.no_speech_prob,
        compression_ratio=message.compression_ratio,
        words=tuple(
            Word(
                start_ms=word.start_ms,
                end_ms=word.end_ms,
                text=word.text,
                probability=word.probability,
            )
            for word in message.words
        ),
    )


def _completed(message: pb.Completed) -> Completed:
    coverage = message.coverage
    return Completed(
        input_duration_ms=message.input_duration_ms,
        processing_duration_ms=message.processing_duration_ms,
        speed_up=message.speed_up,
        bytes_fetched=message.bytes_fetched,
        language=message.language,
        segments=message.segments,
        macro_chunks=message.macro_chunks,
        macro_chunk_attempts=message.macro_chunk_attempts,
        coverage=Coverage(
            transcribed_ms=coverage.transcribed_ms,
            silent_ms=coverage.silent_ms,
            speech_ms=coverage.speech_ms,
            speech_without_text_ms=coverage.speech_without_text_ms,
        ),
        warnings=tuple(message.warnings),
    )
