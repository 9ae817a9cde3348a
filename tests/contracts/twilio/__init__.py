"""Twilio's side of the contract: its own description of its API, and a stateful stand-in that signs what it tells us."""
