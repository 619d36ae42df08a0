"""How the processing unit works through a matrix product, one cycle a step.

As coded (harvard-acc/EdgeBERT, hw/cmod: PUModule, InputSetup, DecodeTop, Datapath_Top, Accum,
Encode; channels and crossbars of NVlabs/matchlib): a mask is read each cycle for each operand, then
decoded, then the data are read; n vectors are received, n cycles compute, one cycle hands over.
After the last tile of the depth the accumulator sends n sums and takes no products meanwhile. The
encoder writes a mask and a vector for each into the memories of one operand, whose single ports
serve reads and writes in turn. An answer that finds no room stops its memory, writes included.

The other operand's memories see no writes: their vectors never arrive later and are left out.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

TileSchedule = Literal["serial", "overlapped"]

# Threads that pass a word on, a cycle each, between two ends. Source: the code named above.
_MASK_TO_DATA_RELAYS = 4  # merge, mask switch, address generator, request crossbar
_DATA_TO_OPERAND_RELAYS = 4  # merge, decode, output switch, InputSetup
_COUNT_TO_ENCODER_RELAYS = 1  # crossbar in front of the encoder
_ENCODER_TO_PORT_RELAYS = 1  # memory switch
_LOAD_TO_PORT_RELAYS = 1  # memory switch
# Words that the crossbar in front of a memory queues for each of its inputs.
_MASK_QUEUE_WORDS = 5
_DATA_QUEUE_WORDS = 4
# Cycles. Configuration, InputSetup and its first mask request; the complete count and its token.
_START_TO_FIRST_READ = 3
_LAST_SUM_TO_DONE = 2

# Bound on the vectors that are asked for and not yet received: the capacities on the way hold 47.
VECTORS_UNDER_WAY = 64


@dataclass(frozen=True)
class PeTiming:
    """What decides the cycles of a matrix product.

    ``vector_size``: n, the width of a vector MAC and their number. ``tile_schedule``: ``serial``
    receives a tile, then computes it (2n + 1 cycles, as coded); ``overlapped`` has two sets of
    operand registers and two of sums (n cycles). ``shared_port``: sums are written through the
    port that operands are read from (as coded).
    """

    vector_size: int
    tile_schedule: TileSchedule = "serial"
    shared_port: bool = True

    @property
    def tile_cycles(self) -> int:
        """Cycles of a tile of n x n x n in the steady state."""
        serial = self.tile_schedule == "serial"
        return 2 * self.vector_size + 1 if serial else self.vector_size


class Pipeline:
    """One product: ``outputs`` tiles of n x n sums, each of ``depth`` tiles of n x n x n.

    Words are counted; their contents decide no cycle. ``loads`` are mask and data words that the
    bus writes meanwhile into the memories that take the sums, one a cycle where there is room, from
    cycle ``arrival`` after the first read on.
    """

    def __init__(
        self,
        timing: PeTiming,
        outputs: int,
        depth: int,
        loads: tuple[int, int] = (0, 0),
        arrival: int = 0,
    ) -> None:
        size, serial = timing.vector_size, timing.tile_schedule == "serial"
        self.now = _START_TO_FIRST_READ
        self.computed = 0
        """Output tiles that left the multipliers."""
        self._reads_left = outputs * depth * size
        self._sums_left = outputs * size
        self._loads_left = list(loads)
        self._arrival = self.loaded = self.now + arrival
        """The cycle in which the last word of the loads was taken."""
        self._requests, decoded = _Channel(), _Channel(_MASK_TO_DATA_RELAYS)
        operands, sums = _Channel(_DATA_TO_OPERAND_RELAYS), _Channel()
        to_encoder = _Channel(_COUNT_TO_ENCODER_RELAYS)
        masks, vectors = (_Channel(_ENCODER_TO_PORT_RELAYS) for _ in range(2))
        self._loads = [_Channel(_LOAD_TO_PORT_RELAYS) for _ in loads]
        datapath: type[_Datapath] = _SerialDatapath if serial else _OverlappedDatapath
        self._datapath = datapath(size, depth, operands, sums)
        # InputSetup counts the sums on their way to the encoder, whose own ports stop nothing.
        self._count = _Relay(sums, (to_encoder,))
        self._others = (
            _Port((masks, self._loads[0], self._requests), decoded, _MASK_QUEUE_WORDS),
            _Port((vectors, self._loads[1], decoded), operands, _DATA_QUEUE_WORDS),
            _Relay(to_encoder, (masks, vectors) if timing.shared_port else ()),
        )

    def run(self) -> int:
        """Return the cycles from configuration to completion."""
        while self._sums_left:
            self.step()
        return self.now - 1 + _LAST_SUM_TO_DONE

    def run_loads(self) -> int:
        """Return the cycles from the arrival of the loads to the end of their last word."""
        while any(self._loads_left):
            self.step()
        return self.loaded - self._arrival

    def step(self) -> None:
        """Do one cycle: no part sees what another does in the same cycle."""
        now = self.now
        if self._reads_left:
            self._reads_left -= self._requests.push(now)
        for kind, left in enumerate(self._loads_left):
            if left and now >= self._arrival and self._loads[kind].push(now):
                self._loads_left[kind] -= 1
                self.loaded = now + 1
        for part in self._others:
            part.step(now)
        self.computed += self._datapath.step(now)
        self._sums_left -= self._count.step(now)
        self.now += 1

    def state(self) -> object:
        """Return all that decides what follows, except how many reads and sums are left."""
        parts = (*self._others, self._datapath, self._count)
        return tuple(_state(tuple(vars(part).values()), self.now) for part in parts)


class _Channel:
    """Buffers in a row: two words of a channel, and three more for each relay on the way.

    A word takes a cycle for each relay and one more. A place that becomes free is seen at the
    other end two cycles for each relay and one more later. Exact for relays that pass on a word
    a cycle and hold it while the next channel is full.
    """

    def __init__(self, relays: int = 0) -> None:
        self._forward, self._back = relays + 1, 2 * relays + 1
        self._ready: deque[int] = deque()
        self._free = deque([0] * (3 * relays + 2))

    def push(self, now: int) -> bool:
        """Send a word if there is room; say whether there was."""
        if not self._free or self._free[0] > now:
            return False
        self._free.popleft()
        self._ready.append(now + self._forward)
        return True

    def take(self, now: int) -> bool:
        """Take a word if one has arrived; say whether one had."""
        if not self._ready or self._ready[0] > now:
            return False
        self._ready.popleft()
        self._free.append(now + self._back)
        return True

    def state(self, now: int) -> object:
        """Return the times that still bind, from now on."""
        return tuple(tuple(max(0, t - now) for t in ticks) for ticks in (self._ready, self._free))


def _state(value: object, now: int) -> object:
    if isinstance(value, _Channel):
        return value.state(now)
    if isinstance(value, (tuple, list, deque)):
        return tuple(_state(each, now) for each in value)
    return value


class _Relay:
    """Passes on each word to all outputs, one after the other, before it takes the next."""

    def __init__(self, source: _Channel, outputs: tuple[_Channel, ...]) -> None:
        self._source = source
        self._outputs = outputs
        self._unsent = 0

    def step(self, now: int) -> bool:
        """Do one cycle; say whether a word has passed."""
        if not self._unsent and self._source.take(now):
            self._unsent = len(self._outputs)
        waiting = self._unsent
        while self._unsent and self._outputs[-self._unsent].push(now):
            self._unsent -= 1
        return waiting > 0 and not self._unsent


_READ = 2  # The inputs of a port: sums, loads, reads.


class _Port:
    """A memory behind a crossbar that serves its inputs in turn, a word a cycle.

    Each of the two stops while it holds a word that finds no room.
    """

    def __init__(self, inputs: Sequence[_Channel], answers: _Channel, queue: int) -> None:
        self._inputs = inputs
        self._answers = answers
        self._queue_words = queue
        self._queued = [0] * len(inputs)
        self._last = _READ
        self._between = _Channel()
        self._kinds: deque[int] = deque()
        self._crossbar_stopped = False
        self._memory_stopped = False

    def step(self, now: int) -> None:
        """Do one cycle of the memory, then of the crossbar."""
        if not self._memory_stopped and self._between.take(now):
            self._memory_stopped = self._kinds.popleft() == _READ
        if self._memory_stopped and self._answers.push(now):
            self._memory_stopped = False
        if not self._crossbar_stopped:
            for kind, channel in enumerate(self._inputs):
                if self._queued[kind] < self._queue_words:
                    self._queued[kind] += channel.take(now)
            self._crossbar_stopped = self._choose()
        if self._crossbar_stopped and self._between.push(now):
            self._crossbar_stopped = False

    def _choose(self) -> bool:
        """Take a word in turn; return whether there was one."""
        for turn in range(1, len(self._queued) + 1):
            kind = (self._last + turn) % len(self._queued)
            if self._queued[kind]:
                self._queued[kind] -= 1
                self._last = kind
                self._kinds.append(kind)
                return True
        return False


class _Datapath(ABC):
    """n vector MACs and the n x n accumulators behind them."""

    def __init__(self, size: int, depth: int, operands: _Channel, sums: _Channel) -> None:
        self._size = size
        self._depth = depth
        self._operands = operands
        self._sums = sums
        self._products, self._handovers = _Channel(), _Channel()
        self._received = self._sent = self._tiles = 0
        # On the side of the accumulators: vectors or tiles added, and sums to send.
        self._added = self._to_flush = 0
        self._computing = self._resting = False

    @abstractmethod
    def step(self, now: int) -> bool:
        """Do one cycle; say whether it computed the last of an output tile."""

    def _finish_tile(self) -> bool:
        """Count a tile; return whether it was the last of the depth."""
        self._sent = 0
        self._tiles = (self._tiles + 1) % self._depth
        return self._tiles == 0


class _SerialDatapath(_Datapath):
    """Receives n vectors, computes n cycles, hands over; no products during a flush."""

    def step(self, now: int) -> bool:
        self._step_accumulators(now)
        if self._received < self._size:
            self._received += self._operands.take(now)
        elif self._sent < self._size:
            self._sent += self._products.push(now)
        elif self._handovers.push(now):
            self._received = 0
            return self._finish_tile()
        return False

    def _step_accumulators(self, now: int) -> None:
        if self._resting:
            self._resting = False
            return
        if not self._to_flush:
            self._products.take(now)
            if self._handovers.take(now):
                self._added = (self._added + 1) % self._depth
                self._to_flush = 0 if self._added else self._size
        if self._to_flush:
            self._to_flush -= self._sums.push(now)
            # The loop over the sums ends with a wait, and so does the loop around it.
            self._resting = not self._to_flush


class _OverlappedDatapath(_Datapath):
    """Receives a tile while it computes another, and flushes sums while it adds others."""

    def step(self, now: int) -> bool:
        self._step_accumulators(now)
        if not self._computing and self._received == self._size:
            self._computing, self._received = True, 0
        finished = False
        if self._computing:
            self._sent += self._products.push(now)
            if self._sent == self._size:
                self._computing, finished = False, self._finish_tile()
        if self._received < self._size:
            self._received += self._operands.take(now)
        return finished

    def _step_accumulators(self, now: int) -> None:
        full = self._added == self._size * self._depth
        if full and not self._to_flush:
            self._added, self._to_flush, full = 0, self._size, False
        if not full:
            self._added += self._products.take(now)
        if self._to_flush:
            self._to_flush -= self._sums.push(now)
