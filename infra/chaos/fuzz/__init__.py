"""Fuzz: thousands of spoilt messages, each of which must end imported or dead-lettered with a reason, soon and without a crash."""
