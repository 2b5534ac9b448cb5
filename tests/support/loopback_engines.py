"""Two engines that talk over the loopback, with sockets in the place of TUN devices."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path

from meshc.engine.io.runner import Engine
from meshc.engine.io.tun import Tun
from meshc.engine.io.uapi_socket import UapiListener
from meshc.engine.proto.offload import VNET_HDR_SIZE, VirtioNetHdr
from meshc.keys import PrivateKey
from tests.support.enginenet import wait_for
from tests.support.packets import slow_split, udp

ADDRESS = ("10.0.0.1", "10.0.0.2")


class FakeTun(Tun):
    """A datagram socket in the place of a TUN device; `far` is what the kernel would hold."""

    def __init__(self, *, vnet: bool) -> None:
        near, self.far = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        for sock in (near, self.far):
            sock.setblocking(False)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 22)
        super().__init__(near.detach(), "lo", vnet=vnet, udp_gso=vnet)

    def close(self) -> None:
        self.far.close()
        super().close()

    def inject(self, packet: bytes, header: VirtioNetHdr | None = None) -> None:
        """A packet that the kernel sends into the tunnel."""
        if self.vnet:
            packet = (header or VirtioNetHdr()).pack() + packet
        self.far.send(packet)

    def delivered(self) -> list[bytes]:
        """Packets that came out of the tunnel, super-packets taken apart."""
        packets = []
        while True:
            try:
                data = self.far.recv(1 << 17)
            except BlockingIOError:
                return packets
            if not self.vnet:
                packets.append(data)
                continue
            header, packet = VirtioNetHdr.parse(data), data[VNET_HDR_SIZE:]
            packets += slow_split(packet, header) if header.gso_type else [packet]


class LoopbackEngines:
    """Two engines that know each other."""

    def __init__(self, directory: Path, *, vnet: bool) -> None:
        self.tuns = [FakeTun(vnet=vnet) for _ in range(2)]
        self.listeners = [UapiListener.create(f"e{i}", str(directory)) for i in range(2)]
        pairs = zip(self.tuns, self.listeners, strict=True)
        self.engines = [Engine(tun, listener) for tun, listener in pairs]
        keys = [PrivateKey.generate() for _ in range(2)]
        for engine in self.engines:
            engine.open()
            engine.device.mtu = 1420
        for me, engine in enumerate(self.engines):
            other = 1 - me
            assert (
                self.ask(
                    me,
                    f"set=1\nprivate_key={keys[me].raw.hex()}\n"
                    f"public_key={keys[other].public_key().raw.hex()}\n"
                    f"endpoint=127.0.0.1:{self.engines[other].device.listen_port}\n"
                    f"allowed_ip={ADDRESS[other]}/32\n\n",
                )
                == "errno=0\n\n"
            )
            assert engine.running

    def turn(self) -> None:
        for engine in self.engines:
            engine.turn(0.01)

    def until(self, condition: Callable[[], bool], what: str) -> None:
        def step() -> bool:
            self.turn()
            return condition()

        wait_for(step, what)

    def ask(self, number: int, request: str) -> str:
        """What the control socket answers."""
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(self.listeners[number].path)
            client.sendall(request.encode())
            client.setblocking(False)
            reply = bytearray()

            def answered() -> bool:
                self.engines[number].turn(0.01)
                try:
                    reply.extend(client.recv(1 << 20))
                except BlockingIOError:
                    return False
                return reply.endswith(b"\n\n")

            wait_for(answered, "an answer")
        self.engines[number].turn(0.01)
        return reply.decode()

    def close(self) -> None:
        for engine in self.engines:
            engine.close()


def established(pair: LoopbackEngines) -> None:
    """One packet has come through."""
    pair.tuns[0].inject(udp(b"first"))
    pair.until(lambda: bool(pair.tuns[1].delivered()), "the session")
    for _ in range(3):
        pair.turn()
