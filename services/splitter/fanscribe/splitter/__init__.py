"""Turns macro chunks into text: extract, cut at pauses, transcribe on Triton, stream back."""
