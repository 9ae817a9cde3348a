"""Where Doorstep runs: its hosts, its set-up and the local stand-in for the bus."""
