"""How long sentences are, in tokens with special tokens, for each task.

The means of the GLUE tasks are derived, not counted: no count of ALBERT tokens for all nine tasks
was at hand.

- Characters: the dataset card of GLUE (huggingface.co/datasets/nyu-mll/glue) gives bytes and
  examples of every split. Less the fixed bytes of a row (4 for each text's offset, 8 for the
  label, 4 in STS-B, and 4 for the index) that is the text, exact to a few parts in a thousand.
- Tokens: the card of the same splits tokenised with BERT's cased vocabulary of 30,000 word pieces
  (huggingface.co/datasets/gmongaras/BERT_Base_Cased_512_GLUE_Mapped) gives their bytes, 6 for a
  token. Two ratios, fitted to the three splits, meet each within 0.6 %: 4.15 bytes of text to a
  token in QQP, 4.56 in the other tasks.
- Mean of a task: text of its development set (MNLI: matched and mismatched) by that ratio, and
  [CLS] and one [SEP] for each sentence.

Assumed [ours]: that ALBERT's vocabulary, also of 30,000 pieces, cuts as finely as BERT's, and what
the name column of the tokenised set holds (1 % in the second ratio). We trust the means to 5 %.

Sentence lengths are log-normal (Williams, "A note on the statistical analysis of sentence-length
as a criterion of literary style", Biometrika 31, 1940). In the training set of RTE (examples/GLUE
of microsoft/PyMarlin: mean, deviation, quantiles in words) the second sentences, 8.79 +- 4.40,
deviate by 0.50 of their mean; the log-normal of that has the median 7.9 and the 95 % point 17.1,
there 8 and 18. The pair, if its sentences are independent, is 52.4 +- 32.7: 0.62. We take 0.62 for
RTE and 0.50 for the other eight [ours], of the mean without special tokens.
"""

from __future__ import annotations

from collections.abc import Iterable
from random import Random
from typing import Annotated, Literal

from pydantic import Discriminator, Field, Tag

from accelsim.inputs.validation import ConfigModel
from accelsim.model.tasks import GLUE_TASKS
from accelsim.requests.draws import lognormal, stream
from accelsim.requests.per_task import PerTask, value_of
from accelsim.requests.request import RequestContext

# [CLS], one token, [SEP].
SHORTEST = 3

# Tokens with special tokens; see above.
GLUE_MEAN_TOKENS = {
    "CoLA": 11.3,
    "SST-2": 25.3,
    "MRPC": 55.7,
    "QQP": 31.9,
    "STS-B": 31.2,
    "MNLI": 41.0,
    "QNLI": 53.7,
    "RTE": 70.6,
    "WNLI": 36.4,
}
_RELATIVE_DEVIATION = {"RTE": 0.62}
_USUAL_RELATIVE_DEVIATION = 0.50


class LengthDistribution(ConfigModel):
    """A log-normal number of tokens, special tokens included, before truncation.

    Both are in tokens; a ``deviation`` (standard deviation) of 0 gives the mean every time.
    """

    mean: Annotated[float, Field(ge=SHORTEST, le=1_000_000)]
    deviation: Annotated[float, Field(ge=0, le=1_000_000)] = 0.0

    def draw(self, source: Random) -> int:
        """Return a whole number of tokens."""
        if not self.deviation:
            return round(self.mean)
        return round(lognormal(source, self.mean, self.deviation))


def glue_lengths() -> dict[str, LengthDistribution]:
    """Return the distribution of every GLUE task."""
    found = {}
    for task in GLUE_TASKS:
        mean = GLUE_MEAN_TOKENS[task.name]
        relative = _RELATIVE_DEVIATION.get(task.name, _USUAL_RELATIVE_DEVIATION)
        text = mean - (3 if task.sentence_pair else 2)
        found[task.name] = LengthDistribution(mean=mean, deviation=relative * text)
    return found


# ``full``: every sentence has sequence_length tokens. ``glue``: as long as in the GLUE tasks.
LengthsConfig = Annotated[
    Literal["full", "glue"] | LengthDistribution | dict[str, LengthDistribution],
    PerTask(
        Annotated[
            Annotated[Literal["full", "glue"], Tag("name")]
            | Annotated[LengthDistribution, Tag("mapping")],
            Discriminator(
                lambda value: "mapping" if isinstance(value, (LengthDistribution, dict)) else "name"
            ),
        ],
        LengthDistribution,
        keys=("mean", "deviation"),
    ),
]


def unknown_lengths(tasks: Iterable[str]) -> str:
    """Return what is wrong with GLUE's lengths for some tasks; nothing where all are GLUE's."""
    other = ", ".join(task for task in tasks if task not in GLUE_MEAN_TOKENS)
    advice = "expected full, {mean: 30} or one of these for each task"
    return f"glue has no sentence lengths of {other}; {advice}" if other else ""


class Lengths:
    """Draws the tokens of one sentence after another, from a stream for each task."""

    def __init__(self, lengths: LengthsConfig, seed: int, context: RequestContext) -> None:
        self._longest = context.sequence_length
        self._streams = {task: stream(seed, "lengths", task) for task in context.tasks}
        if lengths == "full":
            # A sequence length below the shortest sentence is a test's; draw() truncates to it.
            lengths = LengthDistribution(mean=max(context.sequence_length, SHORTEST))
        self._lengths = glue_lengths() if lengths == "glue" else lengths

    def draw(self, task: str) -> int:
        """Return the tokens of the task's next sentence, truncated as a tokenizer does."""
        tokens = value_of(task, self._lengths).draw(self._streams[task])
        return min(max(tokens, SHORTEST), self._longest)
