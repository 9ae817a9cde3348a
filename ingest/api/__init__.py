"""The utility's REST API: TMF697 work orders, TMF646 appointments, subscriptions with signed callbacks.

Beside the bus and through the same services: an order enters by `ingest.service.receive_message`, whatever brought it.
"""
