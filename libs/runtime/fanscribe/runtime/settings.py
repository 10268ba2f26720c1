"""Settings from environment variables, read once when a process starts."""

import sys
from typing import TypeVar

from pydantic import ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

PREFIX = "FANSCRIBE_"

S = TypeVar("S", bound="Settings")


class Settings(BaseSettings):
    """Base of each service's settings: field `some_name_s` is read from `FANSCRIBE_SOME_NAME_S`.

    Lists are written as JSON or, where a field says so, separated by commas.
    """

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="ignore")


def read_settings(settings: type[S]) -> S:
    """Read `settings` from the environment; a bad value stops the process, named."""
    try:
        return settings()
    except ValidationError as error:
        for problem in error.errors():
            variable = PREFIX + ".".join(str(part) for part in problem["loc"]).upper()
            value = problem["input"]
            print(f"{variable}: {problem['msg']} (got {value!r})", file=sys.stderr)  # noqa: T201
        sys.exit(78)  # EX_CONFIG of sysexits.h
