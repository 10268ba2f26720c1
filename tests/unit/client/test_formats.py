"""Transcripts as text, SubRip, WebVTT and JSON."""

import json

import pytest

from fanscribe.client.events import Completed, Coverage, Plan, Segment, Transcript, Word
from fanscribe.client.formats import FORMATS
from fanscribe.client.options import Options


def segment(text: str, start_ms: int = 0, end_ms: int = 1000, index: int = 0) -> Segment:
    return Segment(
        index=index,
        start_ms=start_ms,
        end_ms=end_ms,
        text=text,
        language="en",
        avg_logprob=-0.5,
        no_speech_prob=0.25,
        compression_ratio=1.5,
        words=(Word(start_ms=start_ms, end_ms=end_ms, text=text, probability=0.75),),
    )


def transcript(*segments: Segment) -> Transcript:
    return Transcript(
        plan=Plan(
            job_id="job",
            duration_ms=5000,
            size_bytes=10,
            macro_chunks=1,
            container="wav",
            codec="pcm_s16le",
            options=Options(language="en"),
        ),
        segments=segments,
        completed=Completed(
            input_duration_ms=5000,
            processing_duration_ms=100,
            speed_up=50.0,
            bytes_fetched=10,
            language="en",
            segments=len(segments),
            macro_chunks=1,
            macro_chunk_attempts=1,
            coverage=Coverage(
                transcribed_ms=4000, silent_ms=1000, speech_ms=3000, speech_without_text_ms=0
            ),
        ),
    )


def written(form: str, *segments: Segment) -> str:
    chosen = FORMATS[form]
    parts = [chosen.begin, *map(chosen.segment, segments), chosen.end(transcript(*segments))]
    return "".join(parts)


def test_txt_is_one_line_for_each_segment() -> None:
    assert written("txt", segment(" One. "), segment("Two\nlines.")) == "One.\nTwo lines.\n"


def test_srt_counts_from_one_and_uses_commas() -> None:
    assert written("srt", segment("Hello.", 3_723_004, 3_725_678)) == (
        "1\n01:02:03,004 --> 01:02:05,678\nHello.\n\n"
    )


def test_vtt_has_its_header_and_uses_points() -> None:
    assert written("vtt", segment("Hello.", 0, 1_500)) == (
        "WEBVTT\n\n00:00:00.000 --> 00:00:01.500\nHello.\n\n"
    )


@pytest.mark.parametrize("form", ["srt", "vtt"])
def test_hours_may_take_more_than_two_digits(form: str) -> None:
    assert "100:00:00" in written(form, segment("Late.", 360_000_000, 360_001_000))


@pytest.mark.parametrize("form", ["srt", "vtt"])
@pytest.mark.parametrize("end_ms", [0, 2000])
def test_a_cue_always_lasts(form: str, end_ms: int) -> None:
    cue = written(form, segment("Short.", 2000, end_ms))
    start, end = next(line for line in cue.splitlines() if "-->" in line).split(" --> ")
    assert start < end


@pytest.mark.parametrize("form", ["srt", "vtt"])
def test_text_cannot_break_out_of_its_cue(form: str) -> None:
    cues = written(form, segment("One\n\n2\n00:00:09,000 --> 00:00:10,000\r\nforged"))
    body = cues.removeprefix("WEBVTT\n\n")
    assert body.count("-->") == 1
    assert body.count("\n\n") == 1
    assert body.endswith("forged\n\n")


def test_vtt_escapes_markup() -> None:
    assert "a &lt;b&gt; &amp;amp; c" in written("vtt", segment("a <b> &amp; c"))


@pytest.mark.parametrize("form", ["txt", "srt", "vtt"])
def test_control_characters_reach_no_terminal(form: str) -> None:
    assert "\x1b" not in written(form, segment("red \x1b[31malert"))


def test_a_recording_without_speech() -> None:
    assert written("txt") == ""
    assert written("srt") == ""
    assert written("vtt") == "WEBVTT\n\n"
    assert json.loads(written("json"))["segments"] == []


def test_json_holds_everything() -> None:
    document = json.loads(written("json", segment("Grüße."), segment("Ende.", 1000, 2000, 1)))
    assert document["text"] == "Grüße. Ende."
    assert document["language"] == "en"
    assert document["segments"][1]["start_ms"] == 1000
    assert document["segments"][0]["words"] == [
        {"start_ms": 0, "end_ms": 1000, "text": "Grüße.", "probability": 0.75}
    ]
    assert document["plan"]["options"]["task"] == "transcribe"
    assert document["completed"]["coverage"]["speech_ms"] == 3000


def test_json_keeps_letters_readable() -> None:
    assert "Grüße" in written("json", segment("Grüße."))
