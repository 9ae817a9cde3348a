"""Tests of technician_api."""
