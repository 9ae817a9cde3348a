"""What a play ends with: the ledger, and figures of the play itself."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Outcome:
    """The end of a play. It failed when a rule of the ledger was broken or the web answered with an error of its own."""

    figures: dict[str, int | float | str | None]
    violations: tuple[str, ...] = ()
    notes: tuple[str, ...] = field(default=())

    @property
    def failed(self) -> bool:
        """Whether anything went wrong that must not."""
        return bool(self.violations)

    def as_json(self) -> dict[str, object]:
        """One JSON object: every figure, and the sentences about what went wrong."""
        return {**self.figures, "violations": list(self.violations)}
