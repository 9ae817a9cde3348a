"""Technicians see their day and report what they did."""
