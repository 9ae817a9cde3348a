"""The whole product, fast-forward: simulated people act through its real doors on a simulated clock, and a ledger checks the end."""
