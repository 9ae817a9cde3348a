"""What citizens say to us, and who answers."""
