"""How fast messages are taken in and told back, each figure beside the limit that the same machine sets in the same run."""
