"""What prepares a machine: Python, packages, front-end parts and checks."""
