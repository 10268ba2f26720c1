"""Batched Whisper on CTranslate2: everything of the model that does not know Triton.

It needs ctranslate2, numpy and tokenizers, and nothing else of fanscribe: it also runs where only
Triton and those three are installed.
"""
