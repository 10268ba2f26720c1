"""Settings from environment variables, read once when a process starts."""

import sys
from typing import Annotated, Literal, TypeVar

from pydantic import BeforeValidator, Field, ValidationError
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

PREFIX = "FANSCRIBE_"

S = TypeVar("S", bound="Settings")


def _split(value: object) -> object:
    if isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    return value


T = TypeVar("T")
# A list written as its elements with commas between them.
CommaSeparated = Annotated[tuple[T, ...], NoDecode, BeforeValidator(_split)]


class Settings(BaseSettings):
    """Base of each service's settings: field `some_name_s` is read from `FANSCRIBE_SOME_NAME_S`."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="ignore")


class ServiceSettings(Settings):
    """What every gRPC service is told: where to listen, how to log, how to stop."""

    # Address to listen on.
    host: str = "0.0.0.0"  # noqa: S104  a service in a container is reached from outside of it
    # gRPC port; 0 picks a free one.
    port: int = Field(default=50051, ge=0, le=65535)
    # Port of /metrics; 0 picks a free one.
    metrics_port: int = Field(default=9090, ge=0, le=65535)
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    # How long work in hand may go on after SIGTERM before it is given up.
    drain_s: float = Field(default=60, ge=0)


def read_settings(settings: type[S]) -> S:
    """Read `settings` from the environment; a bad value stops the process, named."""
    try:
        return settings()
    except ValidationError as error:
        for problem in error.errors():
            variable = PREFIX + str(problem["loc"][0]).upper()
            value = problem["input"]
            print(f"{variable}: {problem['msg']} (got {value!r})", file=sys.stderr)  # noqa: T201
        sys.exit(78)  # EX_CONFIG of sysexits.h
