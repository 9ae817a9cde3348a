"""What all pages and APIs share: problem details, security headers, sessions and dependencies."""
