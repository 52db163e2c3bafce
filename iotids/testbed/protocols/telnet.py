"""Telnet: option negotiation, a login that works or fails, a short session."""

from __future__ import annotations

from collections.abc import Sequence

from iotids.testbed.chance import happens, log_uniform
from iotids.testbed.lan import Scene
from iotids.testbed.tcp import CLIENT, SERVER, TcpConversation

TELNET_PORT = 23
NEGOTIATION = b"\xff\xfd\x01\xff\xfd\x1f\xff\xfb\x01\xff\xfb\x03"
REFUSAL = b"\xff\xfc\x01\xff\xfc\x1f\xff\xfe\x01\xff\xfe\x03"
# A few of the factory passwords that are public knowledge since the Mirai source was published in 2016.
DICTIONARY = (
    ("root", "xc3511"),
    ("root", "vizxv"),
    ("root", "admin"),
    ("admin", "admin"),
    ("root", "888888"),
    ("root", "xmhdipc"),
    ("root", "default"),
    ("root", "juantech"),
    ("root", "123456"),
    ("root", "54321"),
    ("support", "support"),
    ("root", ""),
)


def greet(talk: TcpConversation, scene: Scene, *, banner: str) -> None:
    """Negotiate options and show the login prompt."""
    rng = scene.rng
    talk.say(SERVER, NEGOTIATION, think_us=rng.randrange(500, 30_000))
    talk.say(CLIENT, REFUSAL, think_us=rng.randrange(200, 9000))
    talk.say(SERVER, f"{banner} login: ".encode(), think_us=rng.randrange(1000, 40_000))


def try_login(
    talk: TcpConversation, scene: Scene, user: str, password: str, *, succeeds: bool, human: bool = False
) -> None:
    """Give a name and a password; a person takes seconds and sends single characters, a program a line at a
    time.
    """
    rng = scene.rng
    for word, prompt in (
        (user, b"\r\nPassword: "),
        (password, b"\r\n# " if succeeds else b"\r\nLogin incorrect\r\nlogin: "),
    ):
        if human:
            for character in word:
                talk.say(CLIENT, character.encode(), think_us=rng.randrange(70_000, 320_000))
        talk.say(CLIENT, b"\r\n" if human else word.encode() + b"\r\n", think_us=rng.randrange(400, 60_000))
        talk.say(SERVER, prompt, think_us=log_uniform(rng, 900, 400_000))


def run_commands(talk: TcpConversation, scene: Scene, commands: Sequence[tuple[str, int]]) -> None:
    """Send commands and receive that many bytes of output for each."""
    for command, output_bytes in commands:
        talk.say(CLIENT, command.encode() + b"\r\n", think_us=scene.rng.randrange(3000, 300_000))
        talk.say(
            SERVER,
            (command + "\r\n").encode() + b"." * output_bytes + b"\r\n# ",
            think_us=log_uniform(scene.rng, 900, 90_000),
        )


def finish(talk: TcpConversation, scene: Scene) -> None:
    """Hang up in one of the usual ways."""
    side = CLIENT if happens(scene.rng, 0.6) else SERVER
    talk.close(
        side, style="four" if happens(scene.rng, 0.4) else "three" if happens(scene.rng, 0.5) else "reset"
    )
