"""The parts of `benchmarks/faults.py`: faults are injected, and outcomes are judged.

Nothing here that judges an outcome uses the product: JSON, safetensors and texts are read by their
own code in `trees` and `judging`.
"""
