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

from collections import deque
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

State = tuple[object, ...]


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

    Words are counted; their contents decide no cycle. ``load_words`` bus words are written
    meanwhile into the data memory that takes the sums, one a cycle when it has room.
    """

    def __init__(self, timing: PeTiming, outputs: int, depth: int, load_words: int = 0) -> None:
        size = timing.vector_size
        self.now = _START_TO_FIRST_READ
        self.loaded_at = self.now
        self._loads_left = load_words
        self._reads_left = outputs * depth * size
        self._sums_left = outputs * size
        self._sum_held = False
        self._requests, operands = _Channel(), _Channel(_DATA_TO_OPERAND_RELAYS)
        self._sums, self._to_encoder = _Channel(), _Channel(_COUNT_TO_ENCODER_RELAYS)
        masks, vectors = (_Channel(_ENCODER_TO_PORT_RELAYS) for _ in range(2))
        decoded, self._loads = _Channel(_MASK_TO_DATA_RELAYS), _Channel(_LOAD_TO_PORT_RELAYS)
        shared, unused = timing.shared_port, _Channel()
        lanes = (masks, vectors) if shared else (unused, unused)
        self._datapath = _DATAPATHS[timing.tile_schedule](size, depth, operands, self._sums)
        self._parts = (
            _Port((lanes[0], unused, self._requests), decoded, _MASK_QUEUE_WORDS),
            _Port((lanes[1], self._loads, decoded), operands, _DATA_QUEUE_WORDS),
            self._datapath,
            _Encoder(self._to_encoder, masks, vectors, own_port=not shared),
        )
        self._channels = (
            *(self._requests, operands, self._sums, self._to_encoder),
            *(masks, vectors, decoded, self._loads),
        )

    @property
    def computed(self) -> int:
        """Output tiles that left the multipliers."""
        return self._datapath.computed

    def run(self) -> int:
        """Return the cycles from configuration to completion."""
        while self._sums_left:
            self.step()
        return self.now - 1 + _LAST_SUM_TO_DONE

    def run_load(self) -> int:
        """Return the cycles from the first word of the load to the end of the last."""
        while self._loads_left:
            self.step()
        return self.loaded_at - _START_TO_FIRST_READ

    def step(self) -> None:
        """Do one cycle: no part sees what another does in the same cycle."""
        now = self.now
        if self._reads_left and self._requests.has_room(now):
            self._requests.push(now)
            self._reads_left -= 1
        if self._loads_left and self._loads.has_room(now):
            self._loads.push(now)
            self._loads_left -= 1
            self.loaded_at = now + 1
        for part in self._parts:
            part.step(now)
        self._count(now)
        self.now += 1

    def state(self) -> State:
        """Return all that decides what follows, except how many reads and sums are left."""
        now = self.now
        return (
            self._sum_held,
            *(part.state(now) for part in self._parts),
            *(channel.state(now) for channel in self._channels),
        )

    def _count(self, now: int) -> None:
        """InputSetup counts the sums on their way to the encoder."""
        if not self._sum_held and self._sums.has_word(now):
            self._sums.take(now)
            self._sum_held = True
        if self._sum_held and self._to_encoder.has_room(now):
            self._to_encoder.push(now)
            self._sum_held = False
            self._sums_left -= 1


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

    def has_word(self, now: int) -> bool:
        return bool(self._ready) and self._ready[0] <= now

    def has_room(self, now: int) -> bool:
        return bool(self._free) and self._free[0] <= now

    def push(self, now: int) -> None:
        self._free.popleft()
        self._ready.append(now + self._forward)

    def take(self, now: int) -> None:
        self._ready.popleft()
        self._free.append(now + self._back)

    def state(self, now: int) -> State:
        ready = tuple(max(0, tick - now) for tick in self._ready)
        return ready, tuple(max(0, tick - now) for tick in self._free)


_READ = 2  # The inputs of a port: sums, loads, reads.


class _Port:
    """A memory behind a crossbar that serves its inputs in turn, a word a cycle.

    Each of the two stops while it holds a word that finds no room.
    """

    def __init__(self, inputs: tuple[_Channel, ...], answers: _Channel, queue: int) -> None:
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
        self._step_memory(now)
        if not self._crossbar_stopped:
            self._fill_queues(now)
            self._crossbar_stopped = self._choose()
        if self._crossbar_stopped and self._between.has_room(now):
            self._between.push(now)
            self._crossbar_stopped = False

    def state(self, now: int) -> State:
        stopped = (self._crossbar_stopped, self._memory_stopped)
        queues = (*self._queued, self._last, tuple(self._kinds))
        return (*queues, *stopped, *self._between.state(now))

    def _step_memory(self, now: int) -> None:
        if not self._memory_stopped and self._between.has_word(now):
            self._between.take(now)
            self._memory_stopped = self._kinds.popleft() == _READ
        if self._memory_stopped and self._answers.has_room(now):
            self._answers.push(now)
            self._memory_stopped = False

    def _fill_queues(self, now: int) -> None:
        for kind, channel in enumerate(self._inputs):
            if self._queued[kind] < self._queue_words and channel.has_word(now):
                channel.take(now)
                self._queued[kind] += 1

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


class _Datapath:
    """n vector MACs and the n x n accumulators behind them."""

    def __init__(self, size: int, depth: int, operands: _Channel, sums: _Channel) -> None:
        self.computed = 0
        self._size = size
        self._depth = depth
        self._operands = operands
        self._sums = sums
        self._products = _Channel()
        self._received = 0
        self._sent = 0
        self._tiles = 0
        self._to_flush = 0

    def _receive(self, now: int) -> None:
        if self._operands.has_word(now):
            self._operands.take(now)
            self._received += 1

    def _send(self, now: int) -> None:
        if self._products.has_room(now):
            self._products.push(now)
            self._sent += 1

    def _flush(self, now: int) -> None:
        if self._sums.has_room(now):
            self._sums.push(now)
            self._to_flush -= 1

    def _finish_tile(self) -> bool:
        """Count a tile; return whether it was the last of the depth."""
        self._received = self._sent = 0
        self._tiles = (self._tiles + 1) % self._depth
        self.computed += self._tiles == 0
        return self._tiles == 0

    def _counters(self) -> State:
        return self._received, self._sent, self._tiles, self._to_flush


class _SerialDatapath(_Datapath):
    """Receives n vectors, computes n cycles, hands over; no products during a flush."""

    def __init__(self, size: int, depth: int, operands: _Channel, sums: _Channel) -> None:
        super().__init__(size, depth, operands, sums)
        self._handovers = _Channel()
        self._flushes: deque[bool] = deque()
        self._resting = False

    def step(self, now: int) -> None:
        self._step_accumulators(now)
        if self._received < self._size:
            self._receive(now)
        elif self._sent < self._size:
            self._send(now)
        elif self._handovers.has_room(now):
            self._handovers.push(now)
            self._flushes.append(self._finish_tile())

    def _step_accumulators(self, now: int) -> None:
        if self._resting:
            self._resting = False
            return
        if not self._to_flush:
            self._accumulate(now)
        if self._to_flush:
            self._flush(now)
            # The loop over the sums ends with a wait, and so does the loop around it.
            self._resting = not self._to_flush

    def _accumulate(self, now: int) -> None:
        if self._products.has_word(now):
            self._products.take(now)
        if self._handovers.has_word(now):
            self._handovers.take(now)
            self._to_flush = self._size if self._flushes.popleft() else 0

    def state(self, now: int) -> State:
        waiting = (self._resting, tuple(self._flushes))
        channels = (self._products.state(now), self._handovers.state(now))
        return (*self._counters(), *waiting, *channels)


class _OverlappedDatapath(_Datapath):
    """Receives a tile while it computes another, and flushes sums while it adds others."""

    def __init__(self, size: int, depth: int, operands: _Channel, sums: _Channel) -> None:
        super().__init__(size, depth, operands, sums)
        self._computing = False
        self._added = 0

    def step(self, now: int) -> None:
        self._step_accumulators(now)
        if not self._computing and self._received == self._size:
            self._computing, self._received = True, 0
        received = self._received
        if self._computing:
            self._send(now)
            if self._sent == self._size:
                self._finish_tile()
                self._computing = False
        self._received = received
        if self._received < self._size:
            self._receive(now)

    def _step_accumulators(self, now: int) -> None:
        full = self._added == self._size * self._depth
        if full and not self._to_flush:
            self._added, self._to_flush, full = 0, self._size, False
        if not full and self._products.has_word(now):
            self._products.take(now)
            self._added += 1
        if self._to_flush:
            self._flush(now)

    def state(self, now: int) -> State:
        own = (self._computing, self._added)
        return (*self._counters(), *own, self._products.state(now))


_DATAPATHS: dict[TileSchedule, type[_SerialDatapath] | type[_OverlappedDatapath]] = {
    "serial": _SerialDatapath,
    "overlapped": _OverlappedDatapath,
}


class _Encoder:
    """Writes a mask and a vector for each vector of sums, through ports of its own or shared."""

    def __init__(
        self, sums: _Channel, masks: _Channel, vectors: _Channel, *, own_port: bool
    ) -> None:
        self._sums = sums
        self._outputs = (masks, vectors)
        self._own_port = own_port
        self._unsent = 0

    def step(self, now: int) -> None:
        if self._own_port:
            self._drain(now)
        if not self._unsent and self._sums.has_word(now):
            self._sums.take(now)
            self._unsent = len(self._outputs)
        while self._unsent and self._outputs[-self._unsent].has_room(now):
            self._outputs[-self._unsent].push(now)
            self._unsent -= 1

    def _drain(self, now: int) -> None:
        for output in self._outputs:
            if output.has_word(now):
                output.take(now)

    def state(self, now: int) -> State:
        return (self._unsent,)
