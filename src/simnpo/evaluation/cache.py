"""A key-value cache with room to grow, so that a step of generation does not copy it."""

from torch import Tensor
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer

from simnpo.models.causal_lm import PreTrainedConfig

LEAST_ROOM = 64
"""Tokens of room that a layer makes at least."""


class RoomyLayer(DynamicLayer):
    """transformers' layer of a growing cache, which it copies whole at every token.

    Here it lies in a larger tensor, of twice the length whenever it must grow, and the layer hands
    out the part that is filled.
    """

    keys: Tensor
    values: Tensor
    is_initialized: bool

    def update(
        self, key_states: Tensor, value_states: Tensor, *args: object, **kwargs: object
    ) -> tuple[Tensor, Tensor]:
        """Add the keys and values of new tokens; return all there are.

        Args:
            key_states: shape (rows, heads, tokens, width).
            value_states: likewise.
            args: as transformers gives them; not used.
            kwargs: likewise.
        """
        if not self.is_initialized:
            self.dtype, self.device = key_states.dtype, key_states.device
            self._store = [_empty_like(one, 0) for one in (key_states, value_states)]
            self._filled, self.is_initialized = 0, True
        first, self._filled = self._filled, self._filled + key_states.shape[-2]
        if self._filled > self._store[0].shape[-2]:
            grown = [_empty_like(one, 2 * self._filled + LEAST_ROOM) for one in self._store]
            for new, old in zip(grown, self._store, strict=True):
                new[:, :, :first] = old[:, :, :first]
            self._store = grown
        for kept, new in zip(self._store, (key_states, value_states), strict=True):
            kept[:, :, first : self._filled] = new
        self._show()
        return self.keys, self.values

    def batch_select_indices(self, indices: Tensor) -> None:
        """Keep some rows."""
        self._store = [one[indices] for one in self._store]
        self._show()

    def _show(self) -> None:
        self.keys, self.values = (one[:, :, : self._filled] for one in self._store)


def _empty_like(one: Tensor, tokens: int) -> Tensor:
    rows, heads, _, width = one.shape
    return one.new_empty(rows, heads, tokens, width)


def roomy_cache(config: PreTrainedConfig) -> DynamicCache:
    """Return a cache for a model; layers of another kind than the plain one are transformers'."""
    cache = DynamicCache(config=config)
    cache.layers = [RoomyLayer() if type(one) is DynamicLayer else one for one in cache.layers]
    return cache
