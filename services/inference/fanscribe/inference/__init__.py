"""The inference service: Whisper in Triton Inference Server, and what starts it on one machine."""
