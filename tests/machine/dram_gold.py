"""The obvious DRAM channel: one entry in a log per command and burst, no closed forms.

The rules are those of ``DramChannel``'s docstring. Counts and residency are read from the log
afterwards. Slow, and meant to be checked by eye.
"""

from __future__ import annotations

from dataclasses import dataclass

from accelsim.memory.dram import DRAM_STATES, DramTechnology
from accelsim.units import Tick, to_ticks


@dataclass(frozen=True)
class Command:
    tick: Tick
    kind: str  # ACT, PRE, PREA, RD, WR, REF, SLEEP, WAKE
    bank: int | None = None


class GoldChannel:
    def __init__(self, technology: DramTechnology, devices: int, idle_state: str) -> None:
        self.technology = technology
        self.devices = devices
        self.idle_state = idle_state
        self.t = {
            name: to_ticks(getattr(technology.timing, name) or 0.0)
            for name in type(technology.timing).model_fields
            if name != "source"
        }
        self.t["precharge_all"] = to_ticks(technology.timing.precharge_all_time)
        self.t["burst"] = to_ticks(technology.burst_time)
        if idle_state == "standby":
            self.t["exit"] = self.t["minimum"] = 0
        else:
            self.t["exit"] = self.t[f"{idle_state}_exit"]
            self.t["minimum"] = self.t[f"{idle_state}_minimum"]
        self.log: list[Command] = []
        self.latest: dict[tuple[str, int | None], Tick] = {}
        self.open: dict[int, int] = {}
        self.asleep = idle_state != "standby"
        if self.asleep:
            self.send(-self.t["minimum"], "SLEEP")
        self.now = self.end = 0
        self.due = self.t["refresh_interval"]
        self.refreshed = False
        self.row_floor = 0  # No row of an access opens before the one visited before it.

    # The rules between two commands.

    def earliest(self, kind: str, bank: int | None, floor: Tick) -> Tick:
        t = self.t
        write_end = t["write_latency"] + t["burst"]
        gap = max(t["burst"], t["column_to_column"])
        rows_closed = [("PREA", None, t["precharge_all"]), ("REF", None, t["refresh_cycle"])]
        woken = ("WAKE", None, t["exit"])
        every_bank = range(self.technology.organisation.banks)
        after = {
            "ACT": [
                *rows_closed,
                woken,
                ("PRE", bank, t["precharge"]),
                *(("ACT", other, t["activate_to_activate"]) for other in every_bank),
            ],
            "PRE": [
                ("ACT", bank, t["activate_to_precharge"]),
                ("RD", bank, t["read_to_precharge"]),
                ("WR", bank, write_end + t["write_recovery"]),
            ],
            "RD": [
                ("ACT", bank, t["activate_to_column"]),
                *(("RD", other, gap) for other in every_bank),
                *(("WR", other, max(gap, write_end + t["write_to_read"])) for other in every_bank),
            ],
            "WR": [
                ("ACT", bank, t["activate_to_column"]),
                *((kind, other, gap) for other in every_bank for kind in ("RD", "WR")),
            ],
            "REF": [*rows_closed, woken, *(("PRE", b, t["precharge"]) for b in every_bank)],
            "WAKE": [("SLEEP", None, t["minimum"])],
        }
        tick = floor
        for previous, other, delay in after[kind]:
            if (previous, other) in self.latest:
                tick = max(tick, self.latest[previous, other] + delay)
        if kind == "ACT":
            activates = [command.tick for command in self.log if command.kind == "ACT"]
            if len(activates) >= 4:
                tick = max(tick, activates[-4] + t["four_activates"])
        return tick

    def send(self, tick: Tick, kind: str, bank: int | None = None) -> None:
        self.log.append(Command(tick, kind, bank))
        self.latest[kind, bank] = max(tick, self.latest.get((kind, bank), tick))

    # The controller.

    def access(self, start: Tick, address: int, size: int, write: bool) -> Tick:
        begin = max(start, self.now)
        self.settle(begin)
        if self.asleep:
            self.wake(begin)
            if self.idle_state == "self_refresh":
                self.refreshed = False
                ready = self.latest["WAKE", None] + self.t["exit"]
                self.due = ready + self.t["refresh_interval"]
        shape = self.technology.organisation
        burst_size, page_size = shape.burst_size * self.devices, shape.page_size * self.devices
        kind = "WR" if write else "RD"
        self.row_floor = begin
        for address_of_burst in range(address - address % burst_size, address + size, burst_size):
            page = address_of_burst // page_size
            row, bank = page // shape.banks, page % shape.banks
            while not self.send_column(kind, row, bank, begin):
                self.refresh_due()
            latency = self.t["write_latency" if write else "read_latency"]
            self.end = self.latest[kind, bank] + latency + self.t["burst"]
        self.now = self.end
        return self.end

    def send_column(self, kind: str, row: int, bank: int, begin: Tick) -> bool:
        """Open the row if need be and send; undo and return False when refresh comes first."""
        sent, saved = len(self.log), (dict(self.latest), dict(self.open), self.row_floor)
        if self.open.get(bank) != row:
            floor = self.row_floor
            if bank in self.open:
                floor = self.earliest("PRE", bank, floor)
                self.send(floor, "PRE", bank)
            tick = self.earliest("ACT", bank, floor)
            self.send(tick, "ACT", bank)
            self.open[bank] = row
            self.row_floor = tick
        tick = self.earliest(kind, bank, begin)
        if tick >= self.due:
            self.latest, self.open, self.row_floor = saved
            del self.log[sent:]
            return False
        self.send(tick, kind, bank)
        return True

    def close_all(self, floor: Tick) -> None:
        if self.open:
            self.send(max(self.earliest("PRE", bank, floor) for bank in self.open), "PREA")
        self.open = {}

    def refresh(self, floor: Tick) -> None:
        self.close_all(floor)
        self.send(self.earliest("REF", None, floor), "REF")
        self.refreshed = True

    def refresh_due(self) -> None:
        self.refresh(self.due)
        self.due += self.t["refresh_interval"]

    def wake(self, floor: Tick) -> None:
        self.send(self.earliest("WAKE", None, floor), "WAKE")
        self.asleep = False

    def sleep(self, floor: Tick) -> None:
        self.send(self.earliest("REF", None, floor), "SLEEP")
        self.asleep = True

    def settle(self, now: Tick) -> None:
        now = self.now = max(now, self.now)
        while not self.asleep and self.due <= self.end:
            self.refresh_due()
        if now > self.end and not self.asleep and self.idle_state != "standby":
            self.close_all(self.end)
            if self.idle_state == "self_refresh" and not self.refreshed:
                self.refresh(self.end)
            self.sleep(self.end)
        while self.due <= now and self.idle_state == "standby" and now > self.end:
            self.refresh_due()
        while self.due <= now and self.idle_state == "power_down" and self.asleep:
            self.wake(self.due)
            self.refresh_due()
            self.sleep(self.due - self.t["refresh_interval"])

    # What the log says.

    def counts(self) -> dict[str, int]:
        names = {"ACT": "activate", "RD": "read_burst", "WR": "write_burst", "REF": "refresh"}
        kinds = [command.kind for command in self.log]
        return {name: kinds.count(kind) for kind, name in names.items()}

    def residency(self) -> dict[str, Tick]:
        changes: list[tuple[Tick, int, str, int]] = [(self.now, 9, "end", 0), (0, 9, "start", 0)]
        open_rows: set[int | None] = set()
        for command in self.log:
            tick, kind = command.tick, command.kind
            if kind == "ACT":
                changes.append((tick, 1, "rows", +1))
                open_rows.add(command.bank)
            elif kind in ("PRE", "PREA"):
                closed = {command.bank} if kind == "PRE" else set(open_rows)
                changes.append((tick, 1, "rows", -len(closed)))
                open_rows -= closed
            elif kind == "REF":
                changes.append((tick, 1, "rows", +1))
                changes.append((tick + self.t["refresh_cycle"], 1, "rows", -1))
            elif kind in ("SLEEP", "WAKE"):
                changes.append((tick, 1, "sleep", +1 if kind == "SLEEP" else -1))
        total: dict[str, Tick] = dict.fromkeys(DRAM_STATES, 0)
        level = {"rows": 0, "sleep": 0, "start": 0, "end": 0}
        since = 0
        for tick, _, what, by in sorted(changes):
            if 0 < tick <= self.now:
                state = "active_standby" if level["rows"] else "precharge_standby"
                total[self.idle_state if level["sleep"] else state] += tick - max(since, 0)
            since = tick
            level[what] += by
        return total
