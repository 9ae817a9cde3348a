"""The contract of Service Bus: what the unmodified SDK, synchronous and asynchronous, may rely on."""
