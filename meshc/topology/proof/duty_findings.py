"""Findings about duties: what the topology says must stand in every file, and does not."""

from __future__ import annotations

from meshc.diagnostics import Diagnostics, Location
from meshc.topology.obligations.file_duty import FileDuty, KeyPlace
from meshc.topology.proof.expectation import Expectation
from meshc.topology.proof.node_model import NodeModel
from meshc.topology.proof.peer_table import MeshPeerTable


def check_duties(table: MeshPeerTable, expectation: Expectation, found: Diagnostics) -> None:
    """A missing key or address would else make the claim smaller instead of breaking it."""
    obligations = expectation.obligations
    for model in table.models:
        duty = obligations.files.get(model.name)
        if duty is None or model.conf is None:
            continue
        _key(model, duty, found)
        _addresses(model, duty, obligations.families, found)
        if model.conf.save_config:
            found.add(
                "E442",
                f"{model.name}: SaveConfig is on, so that `wg-quick down` writes over this file",
                Location(model.conf.file, 1, 1),
                path=f"nodes.{model.name}",
                hint="take the line out; what the interface has learned is no configuration",
            )


def _key(model: NodeModel, duty: FileDuty, found: Diagnostics) -> None:
    conf = model.conf
    assert conf is not None, "only called for nodes with a file"
    if duty.key is KeyPlace.DEVICE or conf.private_key is not None:
        return
    if duty.key is KeyPlace.HOOK and (
        # a router's script fetches it in a way of its own
        model.script is not None
        or any("private-key" in line for line in (*conf.pre_up, *conf.post_up))
    ):
        return
    found.add(
        "E441",
        f"{model.name}: its file lacks {duty.key.value}, so that it shakes hands with nobody",
        Location(conf.file, 1, 1),
        path=f"nodes.{model.name}",
        hint="build again: the key is kept in keys/",
    )


def _addresses(
    model: NodeModel, duty: FileDuty, families: tuple[int, ...], found: Diagnostics
) -> None:
    if not model.own:
        return  # a finding already
    conf = model.conf
    assert conf is not None, "only called for nodes with a file"
    lacking = [str(a.address) for a in duty.addresses if a not in model.own]
    if not duty.addresses:
        lacking = [f"of IPv{f}" for f in families if model.address(f) is None]
    if lacking:
        found.add(
            "E415",
            f"{model.name}: its file lacks the address {' and '.join(lacking)}",
            Location(conf.file, 1, 1),
            path=f"nodes.{model.name}",
            hint="build again: every node has one address in each family of the pools",
        )
