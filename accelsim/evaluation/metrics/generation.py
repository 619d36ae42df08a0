"""What the tokens of a language model took: the first, each further one, and their bound."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import fsum

from accelsim.account.generation import Generation as Tokens
from accelsim.account.generation import generation
from accelsim.evaluation.cases import CaseResult
from accelsim.evaluation.metrics.base import Figure, Metric, MetricFamily

_Of = Callable[[Tokens], Figure | Mapping[str, Figure]]


def _figure(of: _Of) -> Callable[[CaseResult], Figure | Mapping[str, Figure]]:
    def figure(case: CaseResult) -> Figure | Mapping[str, Figure]:
        found = generation(case.design, case.run, case.figures.account)
        return None if found is None else of(found)

    return figure


def _rate(tokens: Tokens) -> Figure:
    return tokens.together / tokens.step if tokens.step and tokens.together else None


def _most(tokens: Tokens) -> Figure:
    return tokens.together / tokens.bound if tokens.bound and tokens.together else None


def _together(case: CaseResult) -> Figure:
    """Return the requests of a pass where several may share one."""
    found = generation(case.design, case.run, case.figures.account)
    return found.together if found and case.design.batch > 1 else None


def _own_energy(case: CaseResult) -> Figure:
    """Return the energy of a token where other models run too, as ``--by model`` tells it [J]."""
    found, models = generation(case.design, case.run, case.figures.account), case.design.models
    if not found or not models:
        return None
    own = {models[each.task] for each in case.run.requests if each.new_tokens}
    sheets = (sheet for sheet in case.sheets if models.get(sheet.place[2]) in own)
    return fsum(row.energy for sheet in sheets for row in sheet.rows()) / found.tokens


class Generation(MetricFamily):
    """Times, rates and energies of tokens that were generated."""

    name = "generation"
    metrics = (
        Metric("tokens.count", "tokens generated", "1", _figure(lambda one: one.tokens)),
        Metric(
            "tokens.first", "time to first token", "s", _figure(lambda one: one.first_token.mean)
        ),
        Metric("tokens.step", "time of a further token", "s", _figure(lambda one: one.step)),
        Metric("tokens.together", "requests that share a pass over the weights", "1", _together),
        Metric("tokens.rate", "tokens a second behind the first", "Hz", _figure(_rate)),
        Metric("tokens.bound", "tokens a second that bandwidth allows", "Hz", _figure(_most)),
        Metric(
            "tokens.energy",
            "energy a token, of everything, all models and idle time",
            "J",
            _figure(lambda one: one.energy),
        ),
        Metric(
            "tokens.own_energy", "energy a token, of its own model's requests", "J", _own_energy
        ),
        Metric(
            "tokens.dynamic",
            "dynamic energy of a prompt, of a further token",
            "J",
            _figure(lambda one: {"prompt": one.prompt_energy, "step": one.step_energy}),
        ),
        Metric("tokens.moved", "bytes a further token moves", "B", _figure(lambda one: one.moved)),
    )
