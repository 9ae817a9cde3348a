"""Citizens ask for work of their own accord; a dispatcher accepts or declines."""
