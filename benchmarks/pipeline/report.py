"""What the benchmarks of the pipeline found, as tables."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

type Cell = str | int | float
type Row = Mapping[str, Cell]

END = 3
"""So many steps at either end stand for it."""


@dataclass(frozen=True, slots=True)
class Table:
    name: str
    """By which the raw results go."""
    about: str
    """One line: what was done, and how much of it."""
    rows: Sequence[Row]
    """Of the same columns; as they are in the raw results."""
    digits: int = 1
    shown: bool = True
    """Otherwise it is in the raw results only."""

    def markdown(self) -> str:
        columns = list(self.rows[0]) if self.rows else []
        lines = [columns, ["---"] * len(columns)]
        lines += [[self._cell(row[column]) for column in columns] for row in self.rows]
        return "\n".join([self.about, "", *(f"| {' | '.join(line)} |" for line in lines)])

    def _cell(self, value: Cell) -> str:
        return f"{value:.{self.digits}f}" if isinstance(value, float) else str(value)


def quantile(values: Sequence[float], share: float) -> float:
    """A value that occurred."""
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def growth(costs: Sequence[float]) -> float:
    """How many times as much the last steps cost as the first; medians of `END` at either end.

    1 is a cost that does not depend on how much there is already.
    """
    end = max(1, min(END, len(costs) // 2))
    return median(costs[-end:]) / median(costs[:end])
