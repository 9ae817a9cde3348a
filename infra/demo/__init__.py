"""The demo: the whole product on one machine, with a sample week that was played through its own doors."""
