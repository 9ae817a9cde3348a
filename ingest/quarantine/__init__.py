"""Messages that could not be used, until somebody corrects, replays or discards them."""
