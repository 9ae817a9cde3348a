"""How fast the portal answers citizens who look for a time and book it, each figure beside the limit of the same machine in the same run."""
