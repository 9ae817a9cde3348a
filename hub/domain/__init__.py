"""Plain decisions: ids, units, errors, events and lifecycles, with no framework and no I/O."""
