"""Timing of one DRAM channel: what the commands of an access do to banks, bus and power state."""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable
from copy import copy

from accelsim.errors import CapacityError, ProgramError
from accelsim.machine.timing.dram_ticks import ChannelState, DramTicks, IdleState
from accelsim.memory.dram import DRAM_STATES, DramState, DramTechnology
from accelsim.memory.dram_rules import ARRAY_SHARES, ArrayShare
from accelsim.units import Tick, ceil_div, format_bytes

_ACTIVATES_IN_WINDOW = 4  # tFAW is the four-activate window of JESD209-3 and JESD209-4.

_TIMES = ("_now", "_end", "_due", "_asleep_since", "_can_read", "_can_write", "_counted_to")


class DramChannel:
    """One DRAM channel under an open-page, in-order controller with the whole access in view.

    ``devices`` run in lock-step: they multiply page, burst and capacity, not the commands. Of the
    capacity the ``refreshed`` share can be used. All times are ticks. The state before tick 0 is
    that of a channel idle for long.

    Addresses: row : bank : column, column lowest. Consecutive pages lie in consecutive banks, so
    that the next row opens while this one is read.

    Access: it begins when it is asked for or when the channel is free, whichever is later, and
    ends with its last data bit. It moves whole bursts, from the one that holds its first byte to
    the one that holds its last. Rows are visited in address order; the commands that open a row
    (precharge if another row is open, activate) go out as early as tRAS, tRTP, tWR, tRP, tRRD and
    tFAW allow, but not before the activate of the row visited before it, nor before the access.
    Bursts follow each other by max(tCCD, BL/2 tCK). Writes delay a later read by tWTR. A row
    stays open until its bank is needed for another, a refresh, or idleness.

    Refresh: while awake, an all-bank refresh is due every tREFI, counted from tick 0 or from the
    end of the last exit from self refresh, where a controller starts its timer anew. No read or
    write goes out at or after that tick, and no row opens that would not be used before it. Then
    all rows close (tRPab), the refresh takes tRFCab, and the access goes on. A refresh due at the
    very end of an access is performed before what follows.

    Idleness: a channel that is free at a tick with nothing to do enters its idle state at once
    and completes the entry even when an access comes meanwhile. It closes all rows, stays for
    at least tSR or tCKE, and the next access waits for the exit.

    - ``self_refresh``: the device refreshes itself, uncounted, from the end of the access before
      to the end of tXSR. Between an exit and the next entry the standards demand a refresh: if
      none was due, one is made after the rows are closed.
    - ``power_down``: precharge power-down. For every due refresh the channel wakes (tXP),
      refreshes and goes back. The exit for an access takes tXP.
    - ``standby``: the channel stays awake with its rows open until the next refresh.

    Residency: ``active_standby`` from the first activate to the precharge of the last open row,
    and during tRFCab, because energy per refresh is counted above it; ``power_down`` and
    ``self_refresh`` from entry to exit; ``precharge_standby`` otherwise.

    Not modelled: command-bus conflicts and clock edges, tDQSCK and the write preamble (about
    4 ns an access), per-bank and postponed refresh, temperature-dependent tREFI.
    """

    def __init__(
        self,
        technology: DramTechnology,
        devices: int = 1,
        idle_state: IdleState = "self_refresh",
        refreshed: ArrayShare = "all",
    ) -> None:
        self.technology = technology
        self.devices = devices
        self.idle_state: IdleState = idle_state
        self.counts = dict.fromkeys(("activate", "read_burst", "write_burst", "refresh"), 0)
        self.residency: dict[DramState, Tick] = dict.fromkeys(DRAM_STATES, 0)
        self._ticks = DramTicks.of(technology, idle_state)
        shape = technology.organisation
        self.burst_size = shape.burst_size * devices
        self._bursts_of_page = shape.page_size // shape.burst_size
        self._banks = shape.banks
        self._capacity = int(shape.capacity * ARRAY_SHARES[refreshed]) * devices
        self._share = refreshed
        self._now = self._begun = self._end = self._counted_to = 0
        self._due: Tick = self._ticks.refresh_interval
        self._asleep = idle_state != "standby"
        self._asleep_since: Tick = -self._ticks.idle_minimum
        self._refreshed = False
        self._open: dict[int, int] = {}
        self._can_precharge: dict[int, Tick] = {}
        self._can_activate: list[Tick] = [0] * shape.banks
        self._activates: deque[Tick] = deque(maxlen=_ACTIVATES_IN_WINDOW)
        self._can_read = self._can_write = 0
        self._state: DramState = "precharge_standby" if idle_state == "standby" else idle_state
        self._changes: deque[tuple[Tick, DramState]] = deque()
        self._note_quiet()

    @property
    def settled(self) -> Tick:
        """The tick up to which counts and residency are complete; residency sums to it."""
        return self._now

    def access(
        self, start: Tick, address: int, size: int, write: bool, *, goes_on: bool = False
    ) -> Tick:
        """Read or write ``size`` bytes from byte ``address`` on; return the end of the transfer.

        Accesses are served in the order of the calls: one that starts before the channel is free
        or settled begins then. One that ``goes_on`` was cut off the one before between two bursts.
        Raises ProgramError for an empty or negative range and CapacityError beyond the last byte.
        """
        self._check_range(address, size)
        if goes_on:
            begin, column = self._begun, self._can_write
        else:
            self._begun = begin = max(start, self._now)
            self._wake(begin)
            column = max(begin, self._can_write if write else self._can_read)
        burst = address // self.burst_size
        beyond = ceil_div(address + size, self.burst_size)
        self.counts["write_burst" if write else "read_burst"] += beyond - burst
        while burst < beyond:
            page, offset = divmod(burst, self._bursts_of_page)
            first = self._open_page(page, begin, column)
            if first >= self._due:
                self._refresh_due()
                continue
            count = min(beyond - burst, self._bursts_of_page - offset)
            count = min(count, ceil_div(self._due - first, self._ticks.burst_gap))
            column = self._transfer(page % self._banks, first, count, write)
            burst += count
        return self._finish(column - self._ticks.burst_gap, write)

    def __copy__(self) -> DramChannel:
        """Return a channel with the same past and a future of its own."""
        twin = object.__new__(DramChannel)
        vars(twin).update(
            (name, copy(value) if isinstance(value, (dict, list, deque)) else value)
            for name, value in vars(self).items()
        )
        return twin

    def settle(self, now: Tick) -> None:
        """Bring counts and residency up to ``now``, or to the end of the last access if later."""
        self._now = max(now, self._now)
        self._advance(self._now)
        self._count_to(self._now)

    def state_key(self, now: Tick) -> Hashable:
        """Return the state relative to ``max(now, settled)``, after settling to it.

        From equal keys, equal accesses at equal distances give equal times, counts and
        residency: all that still binds is in the key, and what no longer binds is not.
        """
        self.settle(now)
        if self.is_quiet(now := self._now):
            return ("quiet",)
        in_self_refresh = self._asleep and self.idle_state == "self_refresh"
        return (
            self._state,
            0 if in_self_refresh else self._due - now,
            self._refreshed and self.idle_state == "self_refresh" and not self._asleep,
            max(0, self._asleep_since + self._ticks.idle_minimum - now) if self._asleep else 0,
            tuple((tick - now, state) for tick, state in self._changes),
            tuple(
                (bank, row, max(0, self._can_precharge[bank] - now))
                for bank, row in sorted(self._open.items())
            ),
            tuple(max(0, tick - now) for tick in self._can_activate),
            self._activate_limits(now),
            max(0, self._can_read - now),
            max(0, self._can_write - now),
        )

    def state_at(self, now: Tick) -> ChannelState:
        """Return the state relative to ``now``, to which the channel must be settled."""
        return ChannelState(
            {name: getattr(self, name) - now for name in _TIMES},
            {name: getattr(self, name) for name in ("_asleep", "_refreshed", "_state")},
            {bank: (row, self._can_precharge[bank] - now) for bank, row in self._open.items()},
            tuple(tick - now for tick in self._can_activate),
            tuple(tick - now for tick in self._activates),
            tuple((tick - now, state) for tick, state in self._changes),
            self.is_quiet(now),
        )

    def resume(self, state: ChannelState, now: Tick) -> None:
        """Go on from a state as it was relative to ``now``; counts and residency stay."""
        if state.quiet and self.is_quiet(self._now):
            self._now = self._counted_to = now
            return
        for name, tick in state.times.items():
            setattr(self, name, tick + now)
        for name, value in state.flags.items():
            setattr(self, name, value)
        self._open = {bank: row for bank, (row, _) in state.rows.items()}
        self._can_precharge = {bank: tick + now for bank, (_, tick) in state.rows.items()}
        self._can_activate = [tick + now for tick in state.activate_from]
        self._activates = deque((tick + now for tick in state.activates), _ACTIVATES_IN_WINDOW)
        self._changes = deque((tick + now, name) for tick, name in state.changes)
        if self._asleep:
            self._note_quiet()

    def _activate_limits(self, now: Tick) -> tuple[Tick, ...]:
        ticks = self._ticks
        limits = [tick + ticks.four_activates - now for tick in self._activates]
        last = self._activates[-1] + ticks.activate_to_activate - now if self._activates else 0
        return (max(0, last), *(limit for limit in limits if limit > 0))

    def _open_page(self, page: int, floor: Tick, column: Tick) -> Tick:
        """Return the tick of the page's first burst; open its row if that is before a refresh."""
        row, bank = divmod(page, self._banks)
        if self._open.get(bank) == row:
            return column
        precharge, activate = self._plan(bank, floor)
        first = max(column, activate + self._ticks.activate_to_column)
        if first < self._due:
            self._open_row(bank, row, precharge, activate)
        return first

    def _plan(self, bank: int, floor: Tick) -> tuple[Tick | None, Tick]:
        """Return the earliest ticks of the precharge, if one is needed, and of the activate."""
        ticks, activates = self._ticks, self._activates
        activate = max(floor, self._can_activate[bank])
        if activates:
            floor = max(floor, activates[-1])
            activate = max(activate, activates[-1] + ticks.activate_to_activate)
        if len(activates) == _ACTIVATES_IN_WINDOW:
            activate = max(activate, activates[0] + ticks.four_activates)
        if bank not in self._open:
            return None, activate
        precharge = max(floor, self._can_precharge[bank])
        return precharge, max(activate, precharge + ticks.precharge)

    def _open_row(self, bank: int, row: int, precharge: Tick | None, activate: Tick) -> None:
        if precharge is not None:
            del self._open[bank]
            if not self._open:
                self._changes.append((precharge, "precharge_standby"))
        if not self._open:
            self._changes.append((activate, "active_standby"))
        self._open[bank] = row
        self._can_precharge[bank] = activate + self._ticks.activate_to_precharge
        self._activates.append(activate)
        self.counts["activate"] += 1

    def _transfer(self, bank: int, first: Tick, count: int, write: bool) -> Tick:
        """Send column commands from ``first`` on; return the earliest tick of the next one."""
        ticks = self._ticks
        following = first + count * ticks.burst_gap
        written = ticks.write_latency + ticks.burst + ticks.write_recovery
        to_precharge = written if write else ticks.read_to_precharge
        can_precharge = following - ticks.burst_gap + to_precharge
        self._can_precharge[bank] = max(self._can_precharge[bank], can_precharge)
        return following

    def _finish(self, last: Tick, write: bool) -> Tick:
        ticks = self._ticks
        self._can_read = self._can_write = last + ticks.burst_gap
        self._end = last + (ticks.write_latency if write else ticks.read_latency) + ticks.burst
        if write:
            self._can_read = max(self._can_read, self._end + ticks.write_to_read)
        self._now = self._end
        self._count_to(self._end)
        return self._end

    def _close_all(self, floor: Tick) -> Tick:
        """Close all rows as early as allowed; return when every bank is ready for more."""
        ready = max(floor, *self._can_activate)
        if self._open:
            precharge = max(floor, *(self._can_precharge[bank] for bank in self._open))
            self._changes.append((precharge, "precharge_standby"))
            self._open.clear()
            ready = max(ready, precharge + self._ticks.all_banks_precharge)
        self._can_activate = [ready] * self._banks
        return ready

    def _refresh(self, floor: Tick) -> Tick:
        begin = self._close_all(floor)
        done = begin + self._ticks.refresh_cycle
        self._changes += ((begin, "active_standby"), (done, "precharge_standby"))
        self._can_activate = [done] * self._banks
        self._refreshed = True
        self.counts["refresh"] += 1
        return done

    def _refresh_due(self) -> Tick:
        done = self._refresh(self._due)
        self._due += self._ticks.refresh_interval
        return done

    def _wake(self, begin: Tick) -> None:
        self._advance(begin)
        if self._asleep:
            ready = self._leave(begin)
            if self.idle_state == "self_refresh":
                self._refreshed = False
                self._due = ready + self._ticks.refresh_interval

    def _leave(self, floor: Tick) -> Tick:
        leave = max(floor, self._asleep_since + self._ticks.idle_minimum)
        self._changes.append((leave, "precharge_standby"))
        self._asleep = False
        ready = leave + self._ticks.idle_exit
        self._can_activate = [ready] * self._banks
        return ready

    def _enter(self, floor: Tick) -> None:
        closed = self._close_all(floor)
        if self.idle_state == "self_refresh" and not self._refreshed:
            closed = self._refresh(closed)
        self._sleep(closed)

    def _sleep(self, since: Tick) -> None:
        assert self.idle_state != "standby"
        self._changes.append((since, self.idle_state))
        self._asleep = True
        self._asleep_since = since
        self._note_quiet()

    def is_quiet(self, now: Tick) -> bool:
        """Say whether an access now is as the first one of all, after settling to this tick."""
        return now >= self._quiet_from and self._asleep and self.idle_state == "self_refresh"

    def _note_quiet(self) -> None:
        """Note from when on nothing of the past binds any more, if the channel stays asleep."""
        ticks = self._ticks
        window = max(ticks.four_activates, ticks.activate_to_activate)
        self._quiet_from = max(
            self._asleep_since + ticks.idle_minimum,
            self._activates[-1] + window if self._activates else 0,
            *self._can_activate,
            self._can_read,
            self._can_write,
        )

    def _advance(self, now: Tick) -> None:
        """Perform the refreshes and state changes that are decided by ``now``, at or after end."""
        while not self._asleep and self._due <= self._end:
            self._refresh_due()
        if now == self._end and not self._asleep:
            return
        if self.idle_state != "standby" and not self._asleep:
            self._enter(self._end)
        if self.idle_state != "self_refresh" and self._due <= now:
            self._refresh_while_idle(now)

    def _refresh_while_idle(self, now: Tick) -> None:
        self._refresh_once()
        whole = (now - self._due) // self._ticks.refresh_interval
        if whole > 0:
            self._repeat_refresh(whole)
        if self._due <= now:
            self._refresh_once()

    def _refresh_once(self) -> None:
        asleep = self._asleep
        if asleep:
            self._leave(self._due)
        done = self._refresh_due()
        if asleep:
            self._sleep(done)

    def _repeat_refresh(self, times: int) -> None:
        """Count refreshes of an idle channel in closed form: each is complete before the next."""
        ticks = self._ticks
        self._count_to(self._due)
        waking = ticks.idle_exit if self._asleep else 0
        rest = ticks.refresh_interval - waking - ticks.refresh_cycle
        self.residency["precharge_standby"] += times * waking
        self.residency["active_standby"] += times * ticks.refresh_cycle
        self.residency[self._state] += times * rest
        self.counts["refresh"] += times
        self._due += times * ticks.refresh_interval
        self._counted_to = self._due

    def _count_to(self, now: Tick) -> None:
        changes = self._changes
        while changes and changes[0][0] <= now:
            tick, state = changes.popleft()
            self.residency[self._state] += tick - self._counted_to
            self._counted_to, self._state = tick, state
        if now > self._counted_to:
            self.residency[self._state] += now - self._counted_to
            self._counted_to = now

    def _check_range(self, address: int, size: int) -> None:
        if address < 0 or size < 1:
            where = f"DRAM access of {size} B at address {address}"
            raise ProgramError(f"{where}: expected at least 1 B at address 0 or above")
        excess = address + size - self._capacity
        if excess > 0:
            kept = "" if self._share == "all" else f", of which {self._share} is refreshed"
            raise CapacityError(
                f"DRAM access of {size} B at address {address} ends {excess} B beyond the "
                f"{format_bytes(self._capacity)} of {self.devices} x {self.technology.name}{kept}; "
                "use more devices or a larger part"
            )
