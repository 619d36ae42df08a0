"""A process that evaluates points for the one that started it: ``python -m ... DESCRIPTOR``.

Over a connection come plug-ins, then chunks of points; outcomes go back one by one, so that all
but the point in flight outlive it. It ends when nobody is at the other end.
"""

from __future__ import annotations

import gc
import signal
import sys
from itertools import count
from multiprocessing.connection import Connection

from accelsim.inputs.memo import Memo
from accelsim.inputs.plugins import use_plugins
from accelsim.study.executors.base import evaluated

READY = "ready"


def main(descriptor: int) -> None:
    """Serve until the other end is closed."""
    # An interrupt is for the parent, which ends its workers.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # What a memory keeps is walked through by every collection: fewer take a tenth off a point.
    # But components keep servers that know them: what the memory drops waits for the oldest.
    gc.set_threshold(20_000, 4, 5)
    connection, memo = Connection(descriptor), Memo()
    try:
        use_plugins(connection.recv())
        connection.send(READY)
        for number in count():
            for result in evaluated(connection.recv(), memo):
                connection.send(result)
            if number == 0:
                # What all points share lasts: no collection is to walk through it again.
                gc.collect()
                gc.freeze()
    except (EOFError, OSError):
        return


if __name__ == "__main__":
    main(int(sys.argv[1]))
