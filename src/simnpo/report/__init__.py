"""Finished evaluations side by side: tables, plots and one HTML page."""
