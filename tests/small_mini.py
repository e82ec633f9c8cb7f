"""An embedded benchmark at a size at which its models train in a second."""

from dataclasses import replace

from simnpo.benchmarks.mini_tofu.settings import mini_tofu_study
from simnpo.benchmarks.minis import Mini


def reduced_mini() -> Mini:
    """mini-tofu with a handful of examples and a model of one layer."""
    mini = mini_tofu_study("forget01")
    few = {
        name: replace(asked, items=asked.items[:6], max_new_tokens=8)
        for name, asked in mini.benchmark.evaluation.items()
    }
    mini.architecture.update({"num_hidden_layers": 1, "hidden_size": 32, "intermediate_size": 64})
    return replace(
        mini,
        benchmark=replace(
            mini.benchmark,
            forget=mini.benchmark.forget[:6],
            retain=mini.benchmark.retain[:12],
            evaluation=few,
        ),
        pretraining=mini.pretraining[:20],
        rehearsal=mini.rehearsal[:4],
        pretrain=replace(mini.pretrain, epochs=1),
        finetune=replace(mini.finetune, epochs=1),
    )
