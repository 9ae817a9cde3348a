"""How long drives take: the port, and the models that fill it."""
