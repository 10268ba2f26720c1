"""What keeps the inference service from starting."""


class SetupError(Exception):
    """The settings or the machine are not fit; the message tells what is wrong and what to do."""


class TritonError(Exception):
    """Triton did not start or stopped by itself; the message ends with what it said last."""
