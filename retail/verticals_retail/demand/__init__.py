"""Demand: forecasts and orders."""
