"""From a workload to its results, stage by stage: requests, designs, runs, figures."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import replace

from accelsim.accelerators.design import Design
from accelsim.account.energy import price
from accelsim.account.metrics import measure
from accelsim.account.prices import design_prices
from accelsim.account.purposes import energy_per_inference
from accelsim.engine.run import Options, Run, Window
from accelsim.engine.simulator import simulate_design
from accelsim.engine.streams import ClosedStream, OpenStream, Stream
from accelsim.errors import CapacityError, ConfigError, MappingError
from accelsim.evaluation.cases import CaseResult
from accelsim.evaluation.design import compile_design, design_key, longest_of, rows_kept
from accelsim.evaluation.idle_costs import idle_costs
from accelsim.evaluation.result import Result
from accelsim.inputs.files import digests, watching
from accelsim.inputs.memo import Memo
from accelsim.inputs.plugins import use_plugins
from accelsim.machine.schema import HardwareConfig
from accelsim.policies.idle import Oracle
from accelsim.policies.service import ServiceConfig, padded
from accelsim.requests.generation import check_unanswered
from accelsim.requests.request import Request, Requests
from accelsim.units import Tick
from accelsim.workload.request_rules import request_context
from accelsim.workload.schema import Case, Workload, WorkloadConfig


def run_workload(
    workload: Workload,
    memo: Memo | None = None,
    *,
    options: Options | None = None,
    progress: Callable[[str], None] | None = None,
    strict: bool = True,
) -> Result:
    """Compile and run every case of a workload.

    Options without a window keep the executions of the first round, or the first requests.
    ``progress`` is called with the name of the case after every request. Raises MappingError when
    a case cannot be mapped, before any case is simulated; one that does not fit is left out unless
    ``strict``.
    """
    memo, refused = memo or Memo(), dict[str, CapacityError]()
    use_plugins(workload.plugins)
    with watching() as seen:
        requests = requests_of(workload, memo)
        designs = _designs(workload, memo, None if strict else refused)
        workload = _as_compiled(workload, designs)
        results = _run_cases(workload, designs, requests, memo, options or Options(), progress)
    files = {**workload.files, **digests(seen)}
    return Result(workload, results, requests.notes, files, refused)


def _designs(
    workload: Workload, memo: Memo, refused: dict[str, CapacityError] | None
) -> dict[str, Design]:
    """Compile all cases. What is ``refused`` is noted there, by case; raises if it is None."""
    designs = {}
    for name, case in workload.cases.items():
        try:
            designs[name] = design_of(workload, case, memo)
        except CapacityError as error:
            if refused is None:
                raise
            refused[name] = error
    return designs


def _as_compiled(workload: Workload, designs: Mapping[str, Design]) -> Workload:
    """Return a workload with the cases that were compiled, sizes that were to fit worked out."""
    cases = {n: replace(workload.cases[n], hardware=made.hardware) for n, made in designs.items()}
    return replace(workload, cases=cases)


def with_sizes(workload: Workload, memo: Memo) -> Workload:
    """Return a workload with all sizes that are to fit; a case that cannot is left as it is."""
    if not any(case.fits for case in workload.cases.values()):
        return workload
    fitting = _as_compiled(workload, _designs(workload, memo, {}))
    return replace(workload, cases={**workload.cases, **fitting.cases})


def _run_cases(
    workload: Workload,
    designs: Mapping[str, Design],
    requests: Sequence[Request],
    memo: Memo,
    options: Options,
    progress: Callable[[str], None] | None,
) -> dict[str, CaseResult]:
    if options.window is None:
        options = replace(options, window=first_window(workload, requests))
    results = {}
    for name, case in workload.cases.items():

        def step(name: str = name) -> None:
            if progress:
                progress(name)

        told = replace(options, progress=step)
        run = run_of(workload, case, designs[name], memo, told)
        service = workload.config.service_of(case.config)
        residency = service.residency if workload.config.requests.closed_loop else None
        figures = measure(designs[name], run, rounds_of(workload), residency)
        oracle = _oracle_energy(workload, case, designs[name], memo) if run.idle_plans else None
        results[name] = CaseResult(case, service, designs[name], run, figures, oracle)
    return results


def requests_of(workload: Workload, memo: Memo | None = None) -> Requests:
    """Return the requests of a workload, in order of arrival. Raises ConfigError for bad ones."""
    pattern = workload.config.requests
    context = request_context(workload.config, workload.path.parent)
    key, memo = (pattern.digest, context), memo or Memo()
    requests = memo.get("requests", key, lambda: pattern.generate(context), weigh=len)
    if not requests:
        raise ConfigError("requests: none arrives in this time; lengthen it or ask more often")
    asked = _in_their_units(workload.config, requests)
    if asked is requests:
        return requests
    made = Requests(asked)
    made.notes = requests.notes
    return made


def _in_their_units(config: WorkloadConfig, requests: Requests) -> Iterable[Request]:
    """Return requests with what a model reads of them, and is asked for."""
    asked: Iterable[Request] = requests
    pictures = {task for task in config.tasks if config.model_of(task).longest == 1}
    if pictures and len(pictures) < len(config.tasks):
        asked = [replace(one, tokens=1) if one.task in pictures else one for one in asked]
    if config.generate is None:
        check_unanswered(requests)
        return asked
    decoders = (task for task in config.tasks if config.model_of(task).generates)
    return config.generate.answered(
        asked, {task: config.model_of(task).longest for task in decoders}
    )


def design_of(workload: Workload, case: Case, memo: Memo | None = None) -> Design:
    """Return a compiled case, for the lengths of the workload's requests.

    Raises MappingError that names the case.
    """
    try:
        return _compiled(workload, case, memo)
    except MappingError as error:
        lines = (f"case '{case.name}': {line}" for line in str(error).split("\n"))
        raise type(error)("\n".join(lines), *error.args[1:]) from None


def _compiled(workload: Workload, case: Case, memo: Memo | None) -> Design:
    config, memo = workload.config, memo or Memo()
    lengths, rows = sizes_of(workload, memo)
    weighed = any(map(case.config.weights_of, config.networks))
    if case.measured is not None or not weighed:
        return compile_design(config, case, lengths, case.measured, memo, rows)
    # numpy and the loaders are needed only here.
    from accelsim.evaluation.weights import compressed_weights, measured_sizes, weights_origin

    models = compressed_weights(workload, case, memo)
    design = compile_design(config, case, lengths, measured_sizes(models), memo, rows)
    return replace(design, weights=weights_origin(models))


def sizes_of(workload: Workload, memo: Memo) -> tuple[dict[str, tuple[int, ...]], tuple[int, ...]]:
    """Return the lengths of the sentences after padding [tokens], chunks apart, by model; then the
    rows that caches have in the steps of the workload's requests.

    A model that nobody asks has the lengths of its longest.
    """
    config, requests = workload.config, requests_of(workload, memo)
    asked: dict[str, set[int]] = {name: set() for name in config.networks}
    for task, tokens in {(each.task, each.tokens) for each in requests}:
        asked[config.name_of_model(task)].add(tokens)
    lengths = {name: _padded(config, name, tokens) for name, tokens in asked.items()}
    decoders = {task for task in config.tasks if config.model_of(task).generates}
    kept = ((one.tokens, one.new_tokens) for one in requests if one.task in decoders)
    return lengths, rows_kept(config, set(kept) if decoders else ())


def _padded(config: WorkloadConfig, name: str, asked: Iterable[int]) -> tuple[int, ...]:
    model, found = config.networks[name], set[int]()
    for tokens in asked:
        alone = padded(tokens, config.pad_to, config.sequence_length) if model.longest > 1 else 1
        chunked = config.generate if model.generates else None
        found |= {*chunked.prompts(tokens, alone)} if chunked else {alone}
    return tuple(sorted(found or longest_of(config, name)))


def _oracle_energy(workload: Workload, case: Case, design: Design, memo: Memo) -> float:
    """Return all energy per request of a case that knows when the next one comes [J]."""
    idle = {"idle": Oracle(policy="oracle")}
    told = replace(case, config=case.config.model_copy(update=idle))
    run = run_of(workload, told, design, memo, Options(window=Window(requests=0)))
    return energy_per_inference(run, price(run.ledger, design_prices(design)))


def run_of(workload: Workload, case: Case, design: Design, memo: Memo, options: Options) -> Run:
    """Return what happened on one compiled case; nothing is told of a run that is known."""

    def simulate() -> Run:
        return run_case(workload, case, design, requests_of(workload, memo), options, memo)

    if options.trace or not options.replay or design.key is None:
        return simulate()
    key = (_run_key(workload, case, design.key), options.window)
    return memo.get("run", key, simulate, weigh=lambda run: 1 + len(run.requests) // 100)


def _run_key(workload: Workload, case: Case, design: Hashable) -> Hashable:
    """Return all that a run depends on; ``design`` is what its programs are made from."""
    config, service = workload.config, workload.config.service_of(case.config)
    hardware, exits = case.hardware, service.early_exit
    changes_point = exits is not None and exits.latency_target is not None
    return (
        (design, hardware.timing if changes_point else hardware.nominal_timing, service.digest),
        (config.requests.digest, request_context(config, workload.path.parent)),
        config.generate and config.generate.digest,
        _prices(case.hardware) if _looks_at_costs(workload, service) else None,
    )


def simulation_key(workload: Workload, memo: Memo) -> Hashable:
    """Return what workloads have in common that share all their simulations.

    Raises AccelsimError for a machine that there cannot be.
    """
    lengths, rows = sizes_of(workload, memo)
    return tuple(
        _run_key(
            workload,
            case,
            (
                design_key(workload.config, case, lengths, rows),
                tuple(map(case.config.weights_of, workload.config.networks)),
            ),
        )
        for case in workload.cases.values()
    )


def _looks_at_costs(workload: Workload, service: ServiceConfig) -> bool:
    """Return whether what idleness costs can change a run: rounds without a pause know none."""
    pattern = workload.config.requests
    idle = not pattern.closed_loop or pattern.pause > 0
    return idle and service.idle.knows_costs


def _prices(hardware: HardwareConfig) -> Hashable:
    """Return all that a price of a machine comes from."""
    return (hardware.digest, repr(hardware.datasheets), repr(hardware.site.logic))


def run_case(
    workload: Workload,
    case: Case,
    design: Design,
    requests: Sequence[Request],
    options: Options,
    memo: Memo | None = None,
) -> Run:
    """Serve the requests on one compiled case."""
    config = workload.config
    service = config.service_of(case.config)
    if service.early_exit:
        requests = service.early_exit.draw(requests, config.depths)
    return simulate_design(
        design,
        _stream(workload, requests),
        service,
        costs=idle_costs(design) if _looks_at_costs(workload, service) else None,
        horizon=horizon_of(workload),
        options=options,
        memo=memo,
    )


def first_window(workload: Workload, requests: Sequence[Request]) -> Window:
    """Return the window of the first round, or of as many requests as there are tasks."""
    if workload.config.requests.closed_loop:
        return Window(requests=sum(request.round == 0 for request in requests))
    return Window(requests=len(workload.config.tasks))


def horizon_of(workload: Workload) -> Tick:
    """Return the tick at which an open stream ends at the earliest; 0 for a closed one."""
    return workload.config.requests.horizon() or 0


def _stream(workload: Workload, requests: Sequence[Request]) -> Stream:
    pattern, generate = workload.config.requests, workload.config.generate
    if not pattern.closed_loop:
        return OpenStream(requests)
    return ClosedStream(requests, pattern.pause, generate.batch if generate else 1)


def rounds_of(workload: Workload) -> int:
    """Return the rounds of a closed stream; an open one is one round."""
    return workload.config.requests.turns
