"""What an orchestrator tells Prometheus. Its backlog drives the autoscaling."""

from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from fanscribe.media.timeline import SAMPLE_RATE
from fanscribe.runtime.metrics import STAGE_SECONDS


@dataclass(frozen=True)
class Backlog:
    """The work that this orchestrator has accepted and not finished."""

    jobs: int
    queued_chunks: int
    running_chunks: int
    queued_samples: int
    running_samples: int
    splitters: int
    free_slots: int


class OrchestratorMetrics:
    """The series of one orchestrator process."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._jobs_active = Gauge(
            "fanscribe_jobs_active", "Jobs that are accepted and not ended.", registry=registry
        )
        self._chunks = Gauge(
            "fanscribe_backlog_chunks",
            "Macro chunks outstanding: queued (planned or still to be planned), running.",
            ["state"],
            registry=registry,
        )
        self._audio = Gauge(
            "fanscribe_backlog_audio_seconds",
            "Audio whose text is not known yet: queued, running.",
            ["state"],
            registry=registry,
        )
        self._splitters = Gauge(
            "fanscribe_splitters_connected",
            "Splitters this orchestrator has a stream to.",
            registry=registry,
        )
        self._free_slots = Gauge(
            "fanscribe_splitters_free_slots",
            "Free macro chunk slots of those splitters.",
            registry=registry,
        )
        self.jobs = Counter(
            "fanscribe_jobs",
            "Calls that ended, refused ones too, by reason of the failure; OK for those that "
            "succeeded, CANCELLED for those the caller gave up.",
            ["reason"],
            registry=registry,
        )
        self._refused_calls = Counter(
            "fanscribe_refused_calls",
            "Calls refused for want of a good token, by what it was: missing, malformed, unknown.",
            ["token"],
            registry=registry,
        )
        self.recordings = Counter(
            "fanscribe_recordings",
            "Recordings that were probed, by how they are read: spans (by many splitters at once), "
            "sequential (nothing leads into the middle), joined (the same; several in one file).",
            ["strategy"],
            registry=registry,
        )
        self.attempts = Counter(
            "fanscribe_chunk_attempts",
            "Attempts at macro chunks by outcome: done, failed, lost (with the splitter), overdue, "
            "refused.",
            ["outcome"],
            registry=registry,
        )
        self.failures = Counter(
            "fanscribe_chunk_failures",
            "Attempts at macro chunks that failed, by reason.",
            ["reason"],
            registry=registry,
        )
        self.audio_seconds = Counter(
            "fanscribe_audio_seconds", "Audio turned into text.", registry=registry
        )
        self.bytes_fetched = Counter(
            "fanscribe_fetched_bytes",
            "Bytes fetched from media hosts for probing and planning.",
            registry=registry,
        )
        self.stage_seconds = Histogram(
            "fanscribe_stage_seconds",
            "Time of a stage of a job: probe, first_text (arrival to first segment), job.",
            ["stage"],
            buckets=STAGE_SECONDS,
            registry=registry,
        )
        self.publish(Backlog(0, 0, 0, 0, 0, 0, 0))

    def call_refused(self, token: str) -> None:
        """Count a call that was not let in."""
        self._refused_calls.labels(token).inc()

    def publish(self, backlog: Backlog) -> None:
        """Set the gauges."""
        self._jobs_active.set(backlog.jobs)
        self._chunks.labels("queued").set(backlog.queued_chunks)
        self._chunks.labels("running").set(backlog.running_chunks)
        self._audio.labels("queued").set(backlog.queued_samples / SAMPLE_RATE)
        self._audio.labels("running").set(backlog.running_samples / SAMPLE_RATE)
        self._splitters.set(backlog.splitters)
        self._free_slots.set(backlog.free_slots)


class DiscoveryMetrics:
    """How the splitters are found."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._listed = Gauge(
            "fanscribe_splitters_listed",
            "Splitters that want work as the discovery tells, by who told last: static, "
            "kubernetes, dns.",
            ["source"],
            registry=registry,
        )
        self._failures = Counter(
            "fanscribe_discovery_failures",
            "Times that a source of the discovery did not answer, by reason.",
            ["source", "reason"],
            registry=registry,
        )

    def listed(self, source: str, splitters: int) -> None:
        """Note what a source has told; others count no more."""
        self._listed.clear()
        self._listed.labels(source).set(splitters)

    def failed(self, source: str, reason: str) -> None:
        """Count a failure."""
        self._failures.labels(source, reason).inc()
