"""A made-up utility: its orders, its citizens, its mistakes, and the technicians who could do the work."""
