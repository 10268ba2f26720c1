"""What the CPU can do, and CTranslate2 does not use by itself."""

import os
from pathlib import Path
from typing import Final

_CPU_INFO: Final = Path("/proc/cpuinfo")
# What CTranslate2 means by AVX512.
_AVX512: Final = frozenset({"avx512f", "avx512cd", "avx512bw", "avx512dq", "avx512vl"})


def use_wide_vectors() -> None:
    """Let CTranslate2 use AVX-512 where there is, unless CT2_FORCE_CPU_ISA says otherwise.

    It stays with AVX2 by itself, because early processors slowed down. To be called before the
    first model is loaded.
    """
    if _CPU_INFO.is_file() and set(_CPU_INFO.read_text().split()) >= _AVX512:
        os.environ.setdefault("CT2_FORCE_CPU_ISA", "AVX512")
