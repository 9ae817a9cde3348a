"""What anybody may know before they use the pages: what is kept of them, and who can use them."""
