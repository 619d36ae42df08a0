"""The small workload as the subject of a study of faults, loaded once."""

from __future__ import annotations

from functools import lru_cache

from small_workload import small_workload

from accelsim.study.faults.damage import Judge
from accelsim.study.faults.schemes import SCHEMES
from accelsim.study.faults.stored_model import StoredModel
from accelsim.study.faults.study import write
from accelsim.study.faults.subject import FaultOptions, Subject, load_subject

OPTIONS = FaultOptions(seeds=3, sentences=8, tokens=8)


@lru_cache
def subject() -> Subject:
    return load_subject(small_workload(), OPTIONS)


@lru_cache
def judge() -> Judge:
    return Judge(subject())


@lru_cache
def stored(scheme: str) -> StoredModel:
    return write(subject(), SCHEMES[scheme], OPTIONS)
