"""The dossier, by the name that it had here; `portal.dossier` makes it."""

from portal.dossier.document import compile_dossier

__all__ = ["compile_dossier"]
