"""The local Service Bus broker."""
