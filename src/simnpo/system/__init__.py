"""The process and its surroundings: terminal, progress, signals, several processes as one."""
