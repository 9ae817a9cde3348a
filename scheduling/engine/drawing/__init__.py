"""Pictures of a plan: the hours of every technician and the map, as SVG and as one page without scripts or network."""
