"""Why something cannot be planned: the words, the rule that binds, and the measures behind it. All who refuse ask here."""

from scheduling.engine.reasons.vocabulary import Reason, Refusal

__all__ = ["Reason", "Refusal"]
