"""The model in a real Triton: real speech in, text out, in batches and alone."""

import asyncio
import json
import re
import subprocess
import urllib.request
import wave
from collections.abc import AsyncIterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import jiwer
import numpy as np
import numpy.typing as npt
import pytest
from tritonclient.grpc.aio import InferenceServerClient
from tritonclient.utils import InferenceServerException
from whisper_normalizer.english import EnglishTextNormalizer

from tests.support.polling import eventually
from tests.support.triton import (
    RunningTriton,
    model_inputs,
    start_triton,
    text_of,
    transcribe,
    triton_client,
)

LIBRIVOX = Path("/usr/share/pocketsphinx/test/data/librivox")
MULTILINGUAL = Path(__file__).parents[3] / "shared" / "speech" / "multilingual"

Samples = npt.NDArray[np.int16]


def clips() -> list[tuple[Samples, str]]:
    """Debian's five clips of a LibriVox reader, each with what is said in it."""
    lines = (LIBRIVOX / "transcription").read_text().splitlines()
    said = dict(re.findall(r"<s> (.*) </s> \((.*)\)", "\n".join(lines)))
    found = []
    for text, name in ((text, name) for text, name in said.items()):
        with wave.open(str(LIBRIVOX / f"{name}.wav")) as clip:
            found.append((np.frombuffer(clip.readframes(clip.getnframes()), np.int16), text))
    return found


def read_speech(file: Path) -> Samples:
    command = ["ffmpeg", "-v", "error", "-i", str(file), "-ac", "1", "-ar", "16000"]
    decoded = subprocess.run([*command, "-f", "s16le", "-"], capture_output=True, check=True)
    return np.frombuffer(decoded.stdout, np.int16)


def word_error_rate(truth: str, found: str) -> float:
    normalise = EnglishTextNormalizer()
    return float(jiwer.wer(normalise(truth), normalise(found)))


def metric(triton: RunningTriton, name: str, labels: str = "") -> float:
    page = urllib.request.urlopen(f"http://{triton.metrics_address}/metrics", timeout=5)
    lines = page.read().decode().splitlines()
    return sum(
        float(line.split()[-1]) for line in lines if line.startswith(name) and labels in line
    )


@pytest.fixture(scope="module")
async def triton() -> AsyncIterator[RunningTriton]:
    # Patient enough that requests sent together meet in one batch on a busy machine.
    async with start_triton("tiny.en", queue_delay_ms=300) as running:
        yield running


@pytest.fixture
async def client(triton: RunningTriton) -> AsyncIterator[InferenceServerClient]:
    async with triton_client(triton) as open_client:
        yield open_client


async def test_speech_becomes_its_text_in_batches(
    triton: RunningTriton, client: InferenceServerClient
) -> None:
    asked, executed = (metric(triton, f"nv_inference_{n}{{") for n in ("count", "exec_count"))
    results = await asyncio.gather(*(transcribe(client, samples) for samples, _ in clips()))
    truth = " ".join(text for _, text in clips())
    assert word_error_rate(truth, " ".join(map(text_of, results))) < 0.15

    # Triton counts a request just after it has answered it.
    def requests() -> float:
        return metric(triton, "nv_inference_count{") - asked

    await eventually(lambda: requests() == len(results), "all are counted")
    assert metric(triton, "nv_inference_exec_count{") - executed < requests()


async def test_results_have_the_form_of_the_contract(client: InferenceServerClient) -> None:
    samples, _ = clips()[0]
    result = await transcribe(client, samples)
    assert result.keys() == {"language", "language_probability", "segments"}
    assert (result["language"], result["language_probability"]) == ("en", 1.0)
    for segment in result["segments"]:
        assert 0 <= segment["start_ms"] < segment["end_ms"] <= len(samples) // 16
        assert segment["text"].strip() == segment["text"] != ""
        assert segment["avg_logprob"] <= 0
        assert 0 <= segment["no_speech_prob"] <= 1
        assert segment["compression_ratio"] > 0
        assert segment["words"] == []


async def test_company_in_a_batch_changes_nothing(client: InferenceServerClient) -> None:
    speech = [samples for samples, _ in clips()]
    everything = np.concatenate(speech)
    # Of one size and of several: the company is what differs.
    windows = [*speech, everything[:200_000], everything[100_000:340_000], speech[0][:20_000]]
    alone = [await transcribe(client, samples, word_timestamps=True) for samples in windows]
    together = await asyncio.gather(
        *(transcribe(client, samples, word_timestamps=True) for samples in windows)
    )
    for one, other in zip(alone, together, strict=True):
        assert texts_and_times(one) == texts_and_times(other)


def texts_and_times(result: dict[str, Any]) -> list[object]:
    return [
        (segment["start_ms"], segment["end_ms"], segment["text"]) for segment in result["segments"]
    ]


async def test_each_request_of_a_batch_has_options_of_its_own(
    client: InferenceServerClient,
) -> None:
    samples, _ = clips()[1]  # "he was not an ill disposed young man"
    plain, with_words, prompted, refused = await asyncio.gather(
        transcribe(client, samples),
        transcribe(client, samples, word_timestamps=True),
        transcribe(client, samples, initial_prompt="An ill-disposed man. Ill-disposed men."),
        transcribe(client, samples, language="xx"),
        return_exceptions=True,
    )
    assert plain["segments"][0]["words"] == []
    assert len(with_words["segments"][0]["words"]) == len(text_of(with_words).split())
    assert "ill-disposed" in text_of(prompted)
    assert isinstance(refused, InferenceServerException)


async def test_every_word_has_a_time_within_its_segment(client: InferenceServerClient) -> None:
    samples = np.concatenate([samples for samples, _ in clips()])[: 30 * 16_000]
    result = await transcribe(client, samples, word_timestamps=True)
    end_ms = 0
    for segment in result["segments"]:
        words = segment["words"]
        assert " ".join(word["text"] for word in words) == segment["text"]
        assert segment["start_ms"] <= words[0]["start_ms"]
        assert words[-1]["end_ms"] <= segment["end_ms"]
        assert all(word["start_ms"] <= word["end_ms"] for word in words)
        assert all(one["end_ms"] <= other["start_ms"] for one, other in pairwise(words))
        assert all(0 <= word["probability"] <= 1 for word in words)
        assert segment["start_ms"] >= end_ms
        end_ms = segment["end_ms"]
    # The second clip begins where the first one ends.
    first_ms = len(clips()[0][0]) // 16
    words = [word for segment in result["segments"] for word in segment["words"]]
    assert any(abs(word["start_ms"] - first_ms) < 600 for word in words if word["text"] == "He")


@pytest.mark.parametrize(
    ("samples", "options", "told"),
    [
        (0, "{}", "1 to 480000 samples"),
        (480_001, "{}", "not 480001"),
        (16_000, "no JSON", "not JSON"),
        (16_000, '{"beam_size": 5}', "unknown option 'beam_size'"),
        (16_000, '{"language": "de"}', "this model knows: en"),
        (16_000, '{"task": "translate"}', "English-only"),
    ],
)
async def test_a_bad_request_is_refused_alone(
    client: InferenceServerClient, samples: int, options: str, told: str
) -> None:
    speech, text = clips()[4]
    bad = client.infer("whisper", model_inputs(np.zeros(samples, np.int16), options))
    refused, served = await asyncio.gather(bad, transcribe(client, speech), return_exceptions=True)
    assert isinstance(refused, InferenceServerException)
    assert refused.status() == "StatusCode.INVALID_ARGUMENT"
    assert told in refused.message()
    assert word_error_rate(text, text_of(served)) < 0.3


@pytest.mark.parametrize("samples", [1, 100, 480_000])
async def test_silence_of_any_length_is_answered(
    client: InferenceServerClient, samples: int
) -> None:
    result = await transcribe(client, np.zeros(samples, np.int16), word_timestamps=True)
    end_ms = max(1, samples // 16)
    assert all(segment["end_ms"] <= end_ms for segment in result["segments"])


async def test_cancelled_requests_are_not_computed() -> None:
    samples = np.tile(clips()[0][0], 4)
    async with (
        start_triton("tiny.en", workers=1, max_batch_size=1, group_size=1) as triton,
        triton_client(triton) as client,
    ):
        calls = [asyncio.create_task(transcribe(client, samples)) for _ in range(12)]
        async with asyncio.timeout(30):
            await asyncio.wait(calls, return_when=asyncio.FIRST_COMPLETED)
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)
        await transcribe(client, samples)  # behind them in the queue
        # Those that Triton has handed over count as computed, though the model gives them up.
        cancelled = metric(triton, "nv_inference_request_failure", 'reason="CANCELED"')
        computed = metric(triton, "nv_inference_request_success")
        assert cancelled > 0
        assert computed < len(calls)


async def test_requests_in_hand_are_finished_before_it_stops() -> None:
    samples = np.tile(clips()[0][0], 4)
    async with (
        start_triton("tiny.en", workers=1, max_batch_size=1, group_size=1, drain_s=100) as triton,
        triton_client(triton) as client,
    ):
        calls = [asyncio.create_task(transcribe(client, samples)) for _ in range(6)]
        # All have arrived: two are in work, one waits to be, the others are queued.
        pending = "nv_inference_pending_request_count"
        await eventually(lambda: metric(triton, pending) == 3, "they have arrived")
        assert await triton.stop() == 0
        assert all(text_of(result) for result in await asyncio.gather(*calls))


@pytest.fixture(scope="module")
async def base() -> AsyncIterator[InferenceServerClient]:
    if not MULTILINGUAL.is_dir():
        pytest.skip("no recordings in other languages on this machine")
    async with start_triton("base", queue_delay_ms=300) as running, triton_client(running) as open_:
        yield open_


async def test_a_multilingual_model_finds_the_language(base: InferenceServerClient) -> None:
    names = {"de": "de/fleurs-de-001.ogg", "es": "es/fleurs-es-001.ogg"}
    names |= {"fr": "fr/leopard_test_fr.wav", "ja": "ja/leopard_test_ja.wav"}
    windows = [read_speech(MULTILINGUAL / name)[:480_000] for name in names.values()]
    results = await asyncio.gather(
        *(transcribe(base, samples, word_timestamps=True) for samples in windows)
    )
    assert [result["language"] for result in results] == list(names)
    assert all(0.5 < result["language_probability"] <= 1 for result in results)
    # What was found is heard as if it had been told.
    told = await asyncio.gather(
        *(
            transcribe(base, samples, word_timestamps=True, language=language)
            for language, samples in zip(names, windows, strict=True)
        )
    )
    assert [text_of(result) for result in told] == [text_of(result) for result in results]
    japanese = results[-1]["segments"][0]
    assert "".join(word["text"] for word in japanese["words"]) == japanese["text"]


async def test_a_multilingual_model_transcribes_and_translates_in_one_batch(
    base: InferenceServerClient,
) -> None:
    samples = read_speech(MULTILINGUAL / "de/fleurs-de-001.ogg")
    german, english = await asyncio.gather(
        transcribe(base, samples, language="de"), transcribe(base, samples, task="translate")
    )
    assert "wasser" in text_of(german).lower()
    assert "water" in text_of(english).lower()
    assert (german["language"], german["language_probability"]) == ("de", 1.0)
    assert english["language"] == "de"


async def test_the_http_interface_takes_plain_json(triton: RunningTriton) -> None:
    samples, text = clips()[4]
    body = {
        "inputs": [
            {
                "name": "AUDIO",
                "datatype": "INT16",
                "shape": [1, len(samples)],
                "data": samples.tolist(),
            },
            {"name": "OPTIONS", "datatype": "BYTES", "shape": [1, 1], "data": ["{}"]},
        ]
    }
    request = urllib.request.Request(
        f"http://{triton.http_address}/v2/models/whisper/infer", json.dumps(body).encode()
    )
    answer = await asyncio.to_thread(lambda: urllib.request.urlopen(request, timeout=60).read())  # noqa: S310
    result = json.loads(json.loads(answer)["outputs"][0]["data"][0])
    assert word_error_rate(text, text_of(result)) < 0.3
