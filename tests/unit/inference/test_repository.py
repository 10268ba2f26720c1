"""The model repository: the committed model with this machine's configuration."""

from dataclasses import replace
from pathlib import Path

import pytest
from google.protobuf import text_format
from tritonclient.grpc import model_config_pb2

from fanscribe.inference.hearing import Hearing
from fanscribe.inference.repository import ModelConfig, build_repository

COMMITTED = Path(__file__).parents[3] / "services/inference/model_repository"
ON_CPU = ModelConfig(
    weights=Path('/some where/it\'s "quoted" \\ wägbar'),
    device="cpu",
    compute_type="int8",
    workers=3,
    threads=1,
    max_batch_size=8,
    queue_delay_ms=25,
    padding_ms=500,
    bucket_ms=5000,
    group_size=2,
    encoder_size=1,
    guards=True,
    hearing=Hearing(-0.4, 168, 5, -0.25, 164, 8),
)


def read(file: Path) -> model_config_pb2.ModelConfig:
    config = model_config_pb2.ModelConfig()
    text_format.Parse(file.read_text(), config)
    return config


def built(config: ModelConfig, target: Path) -> model_config_pb2.ModelConfig:
    build_repository(target, config)
    return read(target / "whisper" / "config.pbtxt")


def test_the_configuration_says_what_was_asked_for(tmp_path: Path) -> None:
    config = built(ON_CPU, tmp_path)
    assert config.max_batch_size == 8
    assert config.dynamic_batching.max_queue_delay_microseconds == 25_000
    assert [(group.kind, group.count) for group in config.instance_group] == [(2, 1)]
    assert {key: value.string_value for key, value in config.parameters.items()} == {
        "weights": str(ON_CPU.weights),
        "compute_type": "int8",
        "workers": "3",
        "threads": "1",
        "padding_ms": "500",
        "bucket_ms": "5000",
        "group_size": "2",
        "encoder_size": "1",
        "guards": "true",
        "sure_logprob": "-0.4",
        "hop_samples": "168",
        "beams": "5",
        "foreign_sure_logprob": "-0.25",
        "foreign_hop_samples": "164",
        "foreign_beams": "8",
    }


def test_a_gpu_is_a_difference_of_configuration_only(tmp_path: Path) -> None:
    on_gpu = replace(ON_CPU, device="cuda", compute_type="float16", workers=2)
    config = built(on_gpu, tmp_path / "gpu")
    assert [(group.kind, group.count) for group in config.instance_group] == [(1, 1)]
    assert config.parameters["compute_type"].string_value == "float16"
    build_repository(tmp_path / "cpu", ON_CPU)
    model = Path("whisper/1/model.py")
    assert (tmp_path / "gpu" / model).read_text() == (tmp_path / "cpu" / model).read_text()


def test_the_committed_configuration_is_one_that_could_have_been_written(tmp_path: Path) -> None:
    committed = read(COMMITTED / "whisper" / "config.pbtxt")
    written = built(ON_CPU, tmp_path)
    assert committed.input == written.input
    assert committed.output == written.output
    assert committed.parameters.keys() == written.parameters.keys()
    assert committed.HasField("dynamic_batching")
    assert committed.input[0].allow_ragged_batch


@pytest.mark.parametrize("weights", [ON_CPU.weights, None])
def test_only_the_model_is_copied(weights: Path | None, tmp_path: Path) -> None:
    build_repository(tmp_path, replace(ON_CPU, weights=weights))
    assert (tmp_path / "whisper" / "1" / "model.py").is_file()
    assert not list(tmp_path.rglob("__pycache__"))
    with_engine = (tmp_path / "whisper" / "1" / "fanscribe_whisper").is_dir()
    assert with_engine == (weights is not None)
