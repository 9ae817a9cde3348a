"""What Azure needs to run Doorstep."""
