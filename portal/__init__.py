"""Citizens are invited and book, move or cancel their own appointment."""
