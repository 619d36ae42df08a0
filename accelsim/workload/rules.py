"""Rules between the parts of a workload."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from accelsim.inputs.paths import KeyPath, suggest
from accelsim.units import ceil_div
from accelsim.workload.tasks import wrong_adaptations

if TYPE_CHECKING:
    from accelsim.workload.schema import CaseConfig, WorkloadConfig


def broken_rules(workload: WorkloadConfig) -> Iterator[tuple[KeyPath, str]]:
    """Yield the place of each thing that does not go with the rest, and what is wrong."""
    yield from wrong_baselines(workload.cases)
    yield from wrong_length(workload)
    yield from wrong_generation(workload)
    yield from wrong_spans(workload)
    yield from wrong_classes(workload)
    adaptations = [case.adaptation for case in workload.cases.values()]
    yield from wrong_adaptations(workload.tasks, adaptations)


def wrong_spans(workload: WorkloadConfig) -> Iterator[tuple[KeyPath, str]]:
    """Yield the path of each task's spans that do not go with the model, and why."""
    heads = workload.model.attention_heads
    for task, spans in workload.attention_spans.items():
        path = ("attention_spans", task)
        if task not in workload.tasks:
            hint = suggest(task, workload.tasks, "tasks")
            yield path, f"there is no task '{task}' in this workload; {hint}"
        elif len(spans) != heads or not any(spans):
            yield (
                path,
                f"expected {heads} spans, one a head, not all of them 0; got {len(spans)} "
                f"with {sum(map(bool, spans))} above 0",
            )


def wrong_length(workload: WorkloadConfig) -> Iterator[tuple[KeyPath, str]]:
    """Yield what is wrong with the sequence length: too long for the model, or missing."""
    longest, given = workload.model.longest, workload.sequence_length
    if "sequence_length" not in workload.model_fields_set and longest > 1:
        yield ("sequence_length",), "this key is missing; expected a whole number"
    elif given > longest == 1:
        yield (
            ("sequence_length",),
            f"{workload.model.name} reads one picture at a time, got {given}; leave this key out",
        )
    elif given > longest:
        yield (
            ("sequence_length",),
            f"{given} tokens are more than the {longest} positions of {workload.model.name}; "
            "shorten it or raise model.maximum_positions",
        )


def wrong_generation(workload: WorkloadConfig) -> Iterator[tuple[KeyPath, str]]:
    """Yield what is wrong with the tokens to generate: by no decoder, or too many."""
    model, asked = workload.model, workload.generate
    if asked and not model.generates:
        yield ("generate",), f"{model.name} is no decoder and generates no tokens; leave it out"
    elif asked and workload.sequence_length + asked.new_tokens - 1 > model.longest:
        yield (
            ("generate", "new_tokens"),
            f"{asked.new_tokens} tokens behind {workload.sequence_length} of a prompt are more "
            f"than the {model.longest} positions of {model.name}; shorten either",
        )
    elif asked and asked.prompt_chunk and _chunked(workload, asked.prompt_chunk) > model.longest:
        yield (
            ("generate", "prompt_chunk"),
            f"whole chunks of {asked.prompt_chunk} tokens for {workload.sequence_length} are more "
            f"than the {model.longest} positions of {model.name}; take shorter chunks",
        )


def _chunked(workload: WorkloadConfig, chunk: int) -> int:
    """Return the longest prompt in whole chunks [tokens]."""
    return ceil_div(workload.sequence_length, chunk) * chunk


def wrong_classes(workload: WorkloadConfig) -> Iterator[tuple[KeyPath, str]]:
    """Yield the path of each task that lacks its classes, where the model classifies."""
    for name, task in workload.tasks.items():
        if workload.model.classifies and task.classes is None:
            yield ("tasks", name, "classes"), "this key is missing; expected a whole number"


def wrong_baselines(cases: Mapping[str, CaseConfig]) -> Iterator[tuple[KeyPath, str]]:
    """Yield the path of each baseline that is none, and why."""
    for name, case in cases.items():
        path = ("cases", name, "baseline")
        if case.baseline == name:
            yield path, "a case is not its own baseline; name another case or remove this key"
        elif case.baseline is not None and case.baseline not in cases:
            hint = suggest(case.baseline, cases, "cases")
            yield path, f"there is no case '{case.baseline}'; {hint}"
