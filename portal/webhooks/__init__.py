"""What providers tell us: receipts, replies, pressed keys, and mail programs' button to unsubscribe."""
