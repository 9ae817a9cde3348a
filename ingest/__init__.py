"""Work orders arrive from the utility, and their status goes back."""
