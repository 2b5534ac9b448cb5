"""The facts of a machine are part of the protocol: they arrive as they were sent."""

from __future__ import annotations

from meshc.deploy.machine_facts import ForeignDrop, ForeignRoute, MachineFacts, MachineQuestion
from meshc.deploy.protocol import AskFacts, Call, Directories, Facts
from meshc.deploy.protocol_json import decode_answer, decode_call, encode_answer, encode_call

FULL = MachineFacts(
    time=1,
    ipv6=False,
    holder="openvpn (process 1)",
    drops=(ForeignDrop("a", "b", "c", "d"),),
    routes=(ForeignRoute("10.0.0.0/8", "tun0", 50),),
    path_mtu={"192.0.2.1": 1492},
    closed=("/proc/sys/net/ipv4/ip_forward",),
    valid_mark="1",
    tunnels={"tun0": "tun"},
)


def test_a_question_and_its_answer_come_through_whole() -> None:
    asked = AskFacts("salt", MachineQuestion(51820, (4, 6), ("192.0.2.1",)))
    call = Call("wg0", Directories(), asked)
    assert decode_call(encode_call(call)) == call
    facts = Facts(machine=FULL)
    assert decode_answer(encode_answer(facts), asked) == facts


def test_without_a_question_nothing_is_told() -> None:
    assert AskFacts("salt").question is None
    assert Facts().machine is None
