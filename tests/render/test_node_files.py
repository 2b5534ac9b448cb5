"""All files of a plan: who gets which, with which mode."""

from __future__ import annotations

from dataclasses import replace

from meshc.topology.language.spec import Platform
from tests.support.keyed_plans import artifacts, mesh_plan, secrets_of, small_plan


def test_files_modes_and_purposes() -> None:
    plan = small_plan()
    hub, laptop = plan.nodes["hub"], plan.nodes["laptop"]
    plan = mesh_plan(
        replace(hub, spec=replace(hub.spec, platform=Platform.OPENWRT)),
        replace(laptop, spec=replace(laptop.spec, platform=Platform.ROUTEROS)),
        plan.nodes["phone"],
    )
    made = list(artifacts(plan, secrets_of(plan)))
    assert [(a.path, oct(a.mode), a.secret) for a in made] == [
        ("hub/wg0.conf", "0o600", True),
        ("hub/node.json", "0o644", False),
        ("hub/wg0.openwrt.sh", "0o600", True),
        ("laptop/wg0.conf", "0o600", True),
        ("laptop/node.json", "0o644", False),
        ("laptop/wg0.rsc", "0o600", True),
        ("phone/wg0.conf", "0o600", True),
        ("phone/node.json", "0o644", False),
        ("hosts", "0o644", False),
    ]
    assert all(artifact.purpose for artifact in made)
    assert all("redacted" in repr(a) and "=" * 2 not in repr(a) for a in made)


def test_nothing_is_emitted_for_somebody_elses_node() -> None:
    plan = small_plan()
    phone = plan.nodes["phone"]
    others = mesh_plan(
        plan.nodes["hub"],
        plan.nodes["laptop"],
        replace(phone, spec=replace(phone.spec, managed=False)),
    )
    made = list(artifacts(others, secrets_of(others)))
    assert {artifact.node for artifact in made} == {"hub", "laptop", ""}
    assert phone.public_key.encode() in made[0].content.reveal()
    assert b"phone" in made[-1].content.reveal()


def test_a_secret_stands_in_secret_files_only() -> None:
    plan = small_plan()
    secrets = secrets_of(plan)
    for artifact in artifacts(plan, secrets):
        keys = [key.reveal().encode() for key in secrets.private_keys.values()]
        assert any(key in artifact.content.reveal() for key in keys) == artifact.secret
    assert "redacted" in repr(secrets)
    for key in secrets.private_keys.values():
        assert key.reveal() not in repr(secrets)
