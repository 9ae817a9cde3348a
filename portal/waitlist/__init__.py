"""An earlier time for whoever waits for one, when a technician's time frees up."""
