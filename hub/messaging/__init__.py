"""The message envelope, the outbox, the inbox and the bus."""
