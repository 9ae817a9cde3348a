"""Where an order's address lies: what the utility says, what a geocoder finds, what a dispatcher pins on the map."""
