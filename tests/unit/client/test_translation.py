"""Protocol messages as the client's events, and options as messages."""

import dataclasses

import pytest

from fanscribe.client.events import Completed, Coverage, Plan, Progress, Segment
from fanscribe.client.options import Options, Task
from fanscribe.client.translation import event_of
from fanscribe.v1 import transcriber_pb2 as pb
from tests.support import fake_orchestrator as fake


def test_every_field_of_every_event_is_carried_over() -> None:
    for message, kind in (
        (fake.PLAN, Plan),
        (fake.progress(60_000, 6_000), Progress),
        (fake.FIRST, Segment),
        (fake.COMPLETED, Completed),
    ):
        event = event_of(fake.event(message))
        assert type(event) is kind
        for descriptor in message.DESCRIPTOR.fields:
            ours, theirs = getattr(event, descriptor.name), getattr(message, descriptor.name)
            if descriptor.message_type is None:
                assert ours == (tuple(theirs) if descriptor.is_repeated else theirs)


def test_nested_messages_are_carried_over() -> None:
    plan, segment, completed = (
        event_of(fake.event(message)) for message in (fake.PLAN, fake.FIRST, fake.COMPLETED)
    )
    assert isinstance(plan, Plan)
    assert plan.options == Options(macro_chunk_size_sec=60, micro_chunk_size_sec=30)
    assert isinstance(segment, Segment)
    assert [(word.text, word.start_ms, word.end_ms) for word in segment.words] == [
        ("The", 500, 750)
    ]
    assert isinstance(completed, Completed)
    assert completed.coverage == Coverage(
        transcribed_ms=100_000, silent_ms=20_000, speech_ms=80_000, speech_without_text_ms=800
    )


def test_an_event_of_tomorrow_is_passed_over() -> None:
    assert event_of(pb.TranscribeEvent()) is None


def test_events_are_frozen() -> None:
    event = event_of(fake.event(fake.FIRST))
    with pytest.raises(dataclasses.FrozenInstanceError):
        event.text = "changed"  # type: ignore[union-attr,misc]


@pytest.mark.parametrize(
    "options",
    [
        Options(),
        Options(
            macro_chunk_size_sec=30,
            micro_chunk_size_sec=5,
            language="pt-BR",
            task=Task.TRANSLATE,
            word_timestamps=True,
            initial_prompt="Dashwood",
        ),
    ],
)
def test_options_survive_the_journey(options: Options) -> None:
    assert Options.from_message(options.to_message()) == options


def test_what_is_not_given_is_absent_from_the_request() -> None:
    message = Options().to_message()
    assert not message.HasField("macro_chunk_size_sec")
    assert not message.HasField("micro_chunk_size_sec")


def test_speed_and_remaining_time() -> None:
    event = event_of(fake.event(fake.progress(60_000, 6_000)))
    assert isinstance(event, Progress)
    assert event.speed_up == 10.0
    assert event.remaining_ms == 6_000


def test_nothing_is_promised_before_anything_is_done() -> None:
    event = event_of(fake.event(fake.progress(0, 0)))
    assert isinstance(event, Progress)
    assert event.speed_up == 0.0
    assert event.remaining_ms is None


def test_coverage_of_silence_is_complete() -> None:
    silence = Coverage(transcribed_ms=0, silent_ms=1000, speech_ms=0, speech_without_text_ms=0)
    assert silence.speech_with_text == 1.0
