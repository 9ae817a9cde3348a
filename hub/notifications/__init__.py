"""Messages to people: e-mail, SMS, and the recording used by demos and tests."""
