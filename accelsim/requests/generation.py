"""What language models answer: how many tokens, and the cache that grows with each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Annotated

from pydantic import Field

from accelsim.errors import ConfigError
from accelsim.inputs.quantities import PositiveInt
from accelsim.inputs.validation import ConfigModel
from accelsim.requests.request import Request, Requests
from accelsim.units import ceil_div


class GenerateConfig(ConfigModel):
    """How a decoder answers a request: the prompt at once, then token by token.

    The prompt gives the first token, so that ``new_tokens`` take as many steps less one; a request
    of a trace may say its own. A step reads the keys and values of all tokens before, rounded up to
    a multiple of ``cache_block``: programs are compiled for such lengths, and what is beyond is
    masked, as paged attention does (16 as in Kwon et al., SOSP 2023; 1 rounds nothing).

    A prompt longer than ``prompt_chunk`` is computed so many tokens at a time, padded to whole
    chunks, each reading what those before it have left in the cache: its scores are a staircase
    instead of a square (chunked prefill, Agrawal et al., "SARATHI", 2023). Weights are read again
    for each chunk, those of the head for the last alone.

    At most ``batch`` requests of one task share a pass over the weights: each step gives a token of
    every one of them, whatever the lengths of their prompts and answers, and reads the cache of
    each. Who has its tokens leaves, and who waits comes in between two steps, its prompt computed
    alone, while the others wait (iteration-level scheduling: Yu et al., "Orca", OSDI 2022).
    """

    new_tokens: PositiveInt
    batch: Annotated[int, Field(ge=1, le=256)] = 1
    cache_block: PositiveInt = 16
    prompt_chunk: Annotated[int, Field(ge=2, le=1_000_000)] | None = None

    def prompts(self, tokens: int, padded: int) -> Iterable[int]:
        """Return the ends of the chunks of a prompt, which one alone is ``padded`` to."""
        chunk = self.prompt_chunk
        if chunk is None or tokens <= chunk:
            return (min(padded, chunk or padded),)
        return range(chunk, tokens + chunk, chunk)

    def answered(
        self, requests: Iterable[Request], positions: Mapping[str, int]
    ) -> Iterable[Request]:
        """Yield requests with what they do not say.

        ``positions`` are those of the decoders, by task; other tasks are answered without tokens.
        Raises ConfigError for more tokens than these.
        """
        for request in requests:
            most = positions.get(request.task)
            if most is None and request.new_tokens is not None:
                raise ConfigError(
                    f"requests: number {request.number} says how many new_tokens to generate, but "
                    f"the model of task {request.task} generates none; leave them out"
                )
            if most is None:
                yield request
                continue
            new = request.new_tokens or self.new_tokens
            if request.tokens + new - 1 > most:
                raise ConfigError(
                    f"requests: number {request.number} has {request.tokens} tokens and asks for "
                    f"{new}, more than the {most} positions of the model; set requests.too_long, "
                    "shorten sequence_length, or choose another model"
                )
            yield replace(request, new_tokens=new)

    def rows(self, lengths: Iterable[tuple[int, int | None]], most: int) -> tuple[int, ...]:
        """Return the rows of the cache in all steps of (prompt, new) tokens, in order.

        A cache has at most so many rows: the positions or the sliding window.
        """
        size, blocks = self.cache_block, set[int]()
        for tokens, new in lengths:
            last = tokens + (new or self.new_tokens) - 1
            blocks |= set(range(ceil_div(tokens + 1, size), ceil_div(last, size) + 1))
        return tuple(sorted({min(block * size, most) for block in blocks}))


def check_unanswered(requests: Requests) -> None:
    """Raise ConfigError for requests that say how many tokens to generate, where none are."""
    if any(request.new_tokens is not None for request in requests):
        raise ConfigError(
            "requests: their file says how many new_tokens to generate, but the workload generates "
            "none; add generate: {new_tokens: 128}, for those that do not say"
        )
