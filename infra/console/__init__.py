"""Console pages that look into several rooms: what needs attention, orders, technicians, and the demo's outbox.

They live with the hosts because rooms do not see each other; the board belongs to `scheduling`, the figures to `feedback`.
"""
