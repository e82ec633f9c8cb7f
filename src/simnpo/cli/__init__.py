"""One file per command: its options, and what it does with them.

Options are frozen dataclasses with a docstring under each field, which `--help` prints. Nothing
heavy is imported before a command runs, so that `--help` answers at once.
"""
