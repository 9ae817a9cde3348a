"""A utility's own format, mapped to the canonical event by one declarative file: see the README here."""
