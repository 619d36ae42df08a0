"""Cycles of the AXI commands and of the host's register accesses.

A command moves beats in bursts, one outstanding. Masks are narrower than a beat and pass one a
cycle, as the mask memory takes one word a cycle. Source: harvard-acc/EdgeBERT, hw/cmod (InputAxi,
MaskAxi, AuxAxi, Control), simulated with a slave that answers with a beat a cycle.
"""

from __future__ import annotations

from dataclasses import dataclass

from accelsim.units import ceil_div


@dataclass(frozen=True)
class HostTiming:
    """Cycles of a register write and read on the AXI slave, and of the interrupt's pulse.

    ``product_command``: from the start write to the processing unit's configuration and from its
    completion token to the interrupt. Five or six: the controller looks for writes every other
    cycle.
    """

    register_write: int = 4
    register_read: int = 8
    interrupt: int = 10
    product_command: int = 6


@dataclass(frozen=True)
class BusTiming:
    """What decides the cycles of a transfer.

    ``width``: bits of a beat, ``burst``: most beats of a burst, ``load_setup`` and
    ``store_setup``: cycles of a command beside its words, ``load_gap`` and ``store_gap``: cycles
    between two bursts (a store waits for the response of the burst: 12.3 on average), ``masks``:
    mask words a cycle.
    """

    width: int = 64
    burst: int = 256
    load_setup: int = 12
    store_setup: int = 19
    load_gap: int = 5
    store_gap: int = 12
    masks: int = 1

    def load_cycles(self, size: int) -> int:
        """Return the cycles of a load of ``size`` bytes into a data or auxiliary memory."""
        beats = ceil_div(8 * size, self.width)
        return beats + self.load_setup + self._gaps(beats) * self.load_gap

    def store_cycles(self, size: int) -> int:
        """Return the cycles of a write-back of ``size`` bytes."""
        beats = ceil_div(8 * size, self.width)
        return beats + self.store_setup + self._gaps(beats) * self.store_gap

    def mask_load_cycles(self, vectors: int, vector_size: int) -> int:
        """Return the cycles of a load of one mask of ``vector_size`` bits for each vector."""
        words, gaps = self._mask_words(vectors, vector_size)
        return words + self.load_setup + gaps * self.load_gap

    def mask_store_cycles(self, vectors: int, vector_size: int) -> int:
        """Return the cycles of a write-back of as many masks."""
        words, gaps = self._mask_words(vectors, vector_size)
        return words + self.store_setup + gaps * self.store_gap

    def _mask_words(self, vectors: int, vector_size: int) -> tuple[int, int]:
        """Return the cycles of the masks and the gaps between their bursts."""
        beats = ceil_div(vectors * vector_size, self.width)
        # A beat is taken in one cycle at best, however many masks the memory could take.
        return max(beats, ceil_div(vectors, self.masks)), self._gaps(beats)

    def _gaps(self, beats: int) -> int:
        return max(0, ceil_div(beats, self.burst) - 1)
