"""Attacks on an unlearned model: does what it forgot come back?"""
