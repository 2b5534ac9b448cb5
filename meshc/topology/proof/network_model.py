"""The network model: all node models by name, by public key and by address."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from meshc.keys import PublicKey
from meshc.prefixes import BITS, Prefix
from meshc.topology.proof.expectation import Expectation, NodeFile
from meshc.topology.proof.longest_match import longest
from meshc.topology.proof.node_model import NodeModel, model_of


class NetworkModel:
    """All nodes at once, by name and by public key.

    With `load`, `models` may have lost their peers; it is asked for the whole one when a walk
    comes by, so that a trace through ten thousand files reads three.
    """

    def __init__(
        self,
        models: Iterable[NodeModel],
        pools: tuple[Prefix, ...] = (),
        load: Callable[[NodeModel], NodeModel] | None = None,
    ) -> None:
        self.models: dict[str, NodeModel] = {s.name: s for s in models}
        self.pools = pools
        self._load = load
        self._loaded: dict[str, NodeModel] = {}
        self._by_key: dict[PublicKey, str] = {}
        self._by_address: dict[Prefix, str] = {}
        for model in self.models.values():
            for address in model.own:
                self._by_address.setdefault(address, model.name)
            if model.key is not None:
                self._by_key.setdefault(model.key, model.name)

    @classmethod
    def build(cls, files: Iterable[NodeFile], expectation: Expectation) -> NetworkModel:
        """Joins files and facts; a managed node whose file is missing is left out."""
        given = {file.name: file for file in files}
        return cls(
            (
                model_of(facts, given[name].conf, given[name].script)
                if name in given
                else model_of(facts, None)
                for name, facts in expectation.nodes.items()
                if name in given or not facts.managed
            ),
            expectation.pools,
        )

    def model(self, name: str) -> NodeModel:
        """The whole node. Raises: KeyError."""
        if self._load is None:
            return self.models[name]
        model = self._loaded.get(name)
        if model is None:
            model = self._loaded[name] = self._load(self.models[name])
        return model

    def with_key(self, key: PublicKey) -> NodeModel | None:
        """The node with this public key."""
        name = self._by_key.get(key)
        return None if name is None else self.model(name)

    def at(self, family: int, address: int) -> NodeModel | None:
        """The node that has this address on its tunnel."""
        name = self._by_address.get(Prefix(family, address, BITS[family]))
        return None if name is None else self.model(name)

    def owner(self, family: int, address: int) -> NodeModel | None:
        """The node with this address, else the one behind which it lies."""
        model = self.at(family, address)
        if model is not None:
            return model
        best: NodeModel | None = None
        length = -1
        for model in self.models.values():
            route = longest(model.facts.routes, family, address)
            if route is not None and route.length > length:
                best, length = model, route.length
        return None if best is None else self.model(best.name)
