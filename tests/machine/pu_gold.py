"""EdgeBERT's processing unit and special functions thread by thread, a clock edge at a time.

Each generator is a SystemC thread of harvard-acc/EdgeBERT (hw/cmod), ``yield`` its ``wait()``. A
channel holds a word at each end, as the cycle-accurate channels of NVlabs/matchlib do; between two
edges a word moves if the far end is empty. Both operands, every switch and every crossbar are
there. Slow, and meant to be compared with the source by eye.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Sequence

Thread = Generator[None, None, None]

EDGE_LIMIT = 1_000_000
FIRST_READ = 3  # edges from the matrix configuration to the first mask request


class Channel:
    def __init__(self) -> None:
        self.sent: str | None = None
        self.word: str | None = None

    def push(self, word: str) -> Thread:
        while self.sent is not None:
            yield
        self.sent = word

    def pop(self) -> Thread:
        while self.word is None:
            yield
        self.word = None


class Circuit:
    def __init__(self) -> None:
        self.threads: list[Thread] = []
        self.channels: list[Channel] = []

    def channel(self) -> Channel:
        self.channels.append(Channel())
        return self.channels[-1]

    def run(self, done: Callable[[], bool]) -> int:
        """Return the clock edges until ``done``."""
        for edge in range(EDGE_LIMIT):
            if done():
                return edge
            for thread in self.threads:
                next(thread, None)
            for channel in self.channels:
                if channel.sent is not None and channel.word is None:
                    channel.word, channel.sent = channel.sent, None
        raise AssertionError("the circuit does not come to an end")

    def relays(self, source: Channel, count: int) -> Channel:
        """Threads that pop and push; return the channel behind the last."""
        for _ in range(count):
            target = self.channel()
            self.threads.append(relay(source, target))
            source = target
        return source

    def memory(self, inputs: Sequence[Channel], queue: int) -> Channel:
        """A crossbar and a memory; return the channel of its answers."""
        requests, answers = self.channel(), self.channel()
        self.threads.append(crossbar(inputs, queue, requests))
        self.threads.append(memory(requests, answers))
        return answers

    def decoder(self, masks: Sequence[Channel], vectors: Sequence[Channel]) -> Channel:
        """DecodeTop; inputs with the reads last. Return the channel of the decoded vectors."""
        mask = self.relays(self.memory(masks, 5), 3)  # merge, mask switch, address generator
        request = self.channel()
        self.threads.append(crossbar([mask], 6, request))
        return self.relays(self.memory([*vectors, request], 4), 3)  # merge, decode, switch


def relay(source: Channel, target: Channel) -> Thread:
    while True:
        if source.word is not None:
            word, source.word = source.word, None
            yield from target.push(word)
        yield


def crossbar(inputs: Sequence[Channel], length: int, target: Channel) -> Thread:
    queues: list[deque[str]] = [deque() for _ in inputs]
    last = len(inputs) - 1
    while True:
        yield
        for queue, source in zip(queues, inputs, strict=True):
            if len(queue) < length and source.word is not None:
                queue.append(source.word)
                source.word = None
        turns = [(last + turn) % len(inputs) for turn in range(1, len(inputs) + 1)]
        chosen = next((turn for turn in turns if queues[turn]), None)
        if chosen is not None:
            last = chosen
            yield from target.push(queues[chosen].popleft())


def memory(requests: Channel, answers: Channel) -> Thread:
    while True:
        if requests.word is not None:
            word, requests.word = requests.word, None
            if word == "read":
                yield from answers.push(word)
        yield


def requester(trigger: Channel, target: Channel, count: int) -> Thread:
    yield from trigger.pop()
    for _ in range(count):
        yield from target.push("read")
        yield


def serial_datapath(
    operands: Sequence[Channel], products: Channel, handover: Channel, size: int, depth: int
) -> Thread:
    tile = 0
    while True:
        for _ in range(size):
            for operand in operands:
                yield from operand.pop()
            yield
        for _ in range(size):
            yield from products.push("product")
            yield
        tile = (tile + 1) % depth
        yield from handover.push("add" if tile else "flush")
        yield


def serial_accumulator(products: Channel, handover: Channel, sums: Channel, size: int) -> Thread:
    while True:
        products.word = None
        order, handover.word = handover.word, None
        if order == "flush":
            for _ in range(size):
                yield from sums.push("write")
                yield
        yield


def overlapped_datapath(operands: Sequence[Channel], products: Channel, size: int) -> Thread:
    registers: list[int] = [0 for _ in operands]
    computing = 0
    while True:
        if not computing and min(registers) == size:
            registers, computing = [0 for _ in operands], size
        if computing and products.sent is None:
            products.sent = "product"
            computing -= 1
        for index, operand in enumerate(operands):
            if registers[index] < size and operand.word is not None:
                operand.word = None
                registers[index] += 1
        yield


def overlapped_accumulator(products: Channel, sums: Channel, size: int, depth: int) -> Thread:
    added = left = 0
    while True:
        if added == size * depth and left == 0:
            added, left = 0, size
        if added < size * depth and products.word is not None:
            products.word = None
            added += 1
        if left and sums.sent is None:
            sums.sent = "write"
            left -= 1
        yield


def counter(trigger: Channel, sums: Channel, encoder: Channel, done: Channel, count: int) -> Thread:
    yield from trigger.pop()
    for _ in range(count):
        while sums.word is None:
            yield
        sums.word = None
        yield from encoder.push("write")
        yield
    yield from done.push("done")


def encode(source: Channel, masks: Channel, vectors: Channel) -> Thread:
    while True:
        yield from source.pop()
        yield from masks.push("write")
        yield from vectors.push("write")
        yield


def sink(source: Channel) -> Thread:
    while True:
        source.word = None
        yield


def broadcast(source: Channel, targets: Sequence[Channel]) -> Thread:
    yield from source.pop()
    for target in targets:
        target.sent = "start"


def loader(target: Channel, words: int, ended: list[None]) -> Thread:
    yield from (None for _ in range(FIRST_READ))
    for _ in range(words):
        yield from target.push("write")
        yield
    ended.append(None)


def encoder_writes(circuit: Circuit, vectors: Channel) -> tuple[Channel, Channel]:
    """The crossbar, the encoder and both memory switches."""
    to_encoder = circuit.channel()
    circuit.threads.append(crossbar([vectors], 2, to_encoder))
    mask, vector = circuit.channel(), circuit.channel()
    circuit.threads.append(encode(to_encoder, mask, vector))
    return circuit.relays(mask, 1), circuit.relays(vector, 1)


def product_cycles(
    size: int,
    outputs: int,
    depth: int,
    *,
    overlapped: bool = False,
    shared: bool = True,
    load_words: int = 0,
    until_loaded: bool = False,
) -> int:
    """Return the cycles from the matrix configuration to the completion token, PUModule alone.

    With a load, its words enter the data memory that takes the sums, from the first mask request
    on; ``until_loaded`` returns the cycles from there to the end of the load instead.
    """
    circuit = Circuit()
    start, done = circuit.channel(), circuit.channel()
    triggers = [circuit.channel() for _ in range(3)]
    circuit.threads.append(broadcast(circuit.relays(start, 1), triggers))
    sums, to_crossbar = circuit.channel(), circuit.channel()
    circuit.threads.append(counter(triggers[2], sums, to_crossbar, done, outputs * size))
    writes = encoder_writes(circuit, to_crossbar)
    ended: list[None] = []
    load = circuit.channel()
    circuit.threads.append(loader(load, load_words, ended))
    loads = [circuit.relays(load, 1)]
    if not shared:
        circuit.threads += [sink(channel) for channel in writes]
    operands = []
    for operand, trigger in enumerate(triggers[:2]):
        read = circuit.channel()
        circuit.threads.append(requester(trigger, read, outputs * depth * size))
        written = operand == 1
        mask = [writes[0], read] if written and shared else [read]
        vector = [writes[1]] if written and shared else []
        decoded = circuit.decoder(mask, [*vector, *(loads if written else [])])
        operands.append(circuit.relays(decoded, 1))
    products, handover = circuit.channel(), circuit.channel()
    if overlapped:
        circuit.threads.append(overlapped_datapath(operands, products, size))
        circuit.threads.append(overlapped_accumulator(products, sums, size, depth))
    else:
        circuit.threads.append(serial_datapath(operands, products, handover, size, depth))
        circuit.threads.append(serial_accumulator(products, handover, sums, size))
    start.sent = "start"
    if until_loaded:
        return circuit.run(lambda: bool(ended)) - 1 - FIRST_READ
    return circuit.run(lambda: done.word is not None)


READ, AUXILIARY, WORK, EMIT = "read", "auxiliary", "work", "emit"
# Of each function: what its state machine does for a vector in each pass, between the passes and
# at the end of a row. Source: SMax.h, LayerNorm.h, ElemAdd.h, Enpy.h.
STATES: dict[str, tuple[list[list[str]], list[str], list[str]]] = {
    "softmax": ([[READ], [READ], [READ, AUXILIARY, EMIT]], [], [WORK]),
    "layer_norm": ([[READ], [READ, AUXILIARY, AUXILIARY, EMIT]], [WORK], [WORK]),
    "add": ([[READ, READ, WORK, EMIT]], [], [WORK]),
    "entropy": ([[READ], [READ]], [], [WORK, WORK]),
}


def function_states(function: str, rows: int, vectors: int) -> list[str]:
    passes, between, end = STATES[function]
    states: list[str] = []
    for _ in range(rows):
        for index, states_of_vector in enumerate(passes):
            states += between if index == len(passes) - 1 and index else []
            states += states_of_vector * vectors
        states += end
    return states


def function_cycles(function: str, rows: int, vectors: int, interval: int = 1) -> int:
    """Return the cycles from the first state of a command to the end of the last, GB and PU."""
    circuit = Circuit()
    request, emitted = circuit.channel(), circuit.channel()
    writes = encoder_writes(circuit, circuit.relays(emitted, 1))
    reads = circuit.relays(request, 2)  # crossbar of the units, memory switch
    decoded = circuit.decoder([writes[0], reads], [writes[1]])
    answers = circuit.relays(decoded, 2)  # crossbar to the units, broadcast
    auxiliary = circuit.channel()
    loaded = circuit.relays(auxiliary, 4)  # crossbar, memory, merge, broadcast
    ended: list[None] = []

    def unit() -> Thread:
        for state in function_states(function, rows, vectors):
            if state == READ:
                yield from request.push("read")
                yield from (None for _ in range(interval))
                yield from answers.pop()
            elif state == AUXILIARY:
                yield from auxiliary.push("read")
                yield from (None for _ in range(interval))
                yield from loaded.pop()
            elif state == EMIT:
                yield from emitted.push("write")
            yield from (None for _ in range(interval))
        ended.append(None)

    circuit.threads.append(unit())
    return circuit.run(lambda: bool(ended)) - 1
