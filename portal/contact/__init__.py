"""The contact ladder: every order is contacted by a written policy, and nobody is lost."""
