"""Citizens answer after the visit, and operations read the figures."""
