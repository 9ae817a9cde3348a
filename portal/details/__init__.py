"""What a citizen tells us for the visit: how to get in, how to be reached, photos and documents."""
