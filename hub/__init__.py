"""What every room shares: the domain, the database, messages, notifications and the web's common doors."""
