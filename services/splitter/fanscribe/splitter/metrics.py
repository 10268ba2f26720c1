"""What a splitter tells Prometheus."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from fanscribe.runtime.metrics import STAGE_SECONDS


class SplitterMetrics:
    """The series of one splitter process."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.slots = Gauge(
            "fanscribe_splitter_slots", "Macro chunk slots by state.", ["state"], registry=registry
        )
        self.macro_chunks = Counter(
            "fanscribe_splitter_macro_chunks",
            "Macro chunks that ended, by outcome: done, failed, cancelled, refused.",
            ["outcome"],
            registry=registry,
        )
        self.failures = Counter(
            "fanscribe_splitter_failures",
            "Macro chunks that failed, by reason.",
            ["reason"],
            registry=registry,
        )
        self.micro_chunks = Counter(
            "fanscribe_splitter_micro_chunks",
            "Micro chunks by outcome: text, empty (the model found no words), silent (not sent), "
            "kept (known from an earlier attempt).",
            ["outcome"],
            registry=registry,
        )
        self.audio_seconds = Counter(
            "fanscribe_splitter_audio_seconds", "Audio worked through.", registry=registry
        )
        self.bytes_fetched = Counter(
            "fanscribe_splitter_fetched_bytes", "Bytes fetched from media hosts.", registry=registry
        )
        self.macro_chunk_seconds = Histogram(
            "fanscribe_splitter_macro_chunk_seconds",
            "Time from assignment to the end of a macro chunk.",
            buckets=STAGE_SECONDS,
            registry=registry,
        )
        self.inference_seconds = Histogram(
            "fanscribe_splitter_inference_seconds",
            "Time of one request to the model, queueing on Triton included.",
            buckets=STAGE_SECONDS,
            registry=registry,
        )
        self.inference_in_flight = Gauge(
            "fanscribe_splitter_inference_in_flight",
            "Micro chunks on Triton now.",
            registry=registry,
        )
        self.inference_retries = Counter(
            "fanscribe_splitter_inference_retries",
            "Requests to the model that were repeated because it could not be reached.",
            registry=registry,
        )
