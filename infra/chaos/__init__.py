"""Chaos: thousands of orders through the real parts while worker, broker and database are killed, and an account of every one."""
