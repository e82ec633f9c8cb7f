"""The log's means go on through a checkpoint, and its last row counts every step."""

from pathlib import Path

import torch

from simnpo.training.loss_sums import LossSums, log_rows


def test_sums_go_on_from_a_checkpoint(tmp_path: Path) -> None:
    losses = torch.tensor([0.1, 0.7, 1.3, 0.2])
    whole, before, after = (LossSums(1) for _ in range(3))
    for number, loss in enumerate(losses):
        for sums in (whole, before if number < 3 else after):
            sums.terms += 2 * loss
            sums.add(loss, is_step=number % 2 == 1)
        if number == 2:
            before.save(tmp_path)
            after.load(tmp_path)
    row = whole.take(["forget"])
    assert after.take(["forget"]) == row == {"loss": losses.sum().item() / 2, "forget_loss": 2.3}
    assert whole.take(["forget"]) == {}  # no step since


def test_the_last_row_of_a_log_is_the_mean_over_all_steps() -> None:
    history = [
        {"loss": 4.0, "step": 2},
        {"loss": 1.0, "step": 3},
        {"train_loss": 0.0, "step": 3},  # as transformers has it after a resumption
    ]
    assert log_rows(history)[-1]["train_loss"] == 3.0
    assert history[-1]["train_loss"] == 0.0
    assert log_rows([{"train_loss": 5.0, "step": 0}]) == [{"train_loss": 5.0, "step": 0}]
