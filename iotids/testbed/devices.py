"""Device profiles: which habits a camera, a speaker, a plug, ... has, how often, and at which hours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from iotids.testbed import habits
from iotids.testbed.chance import around, happens, waiting, weighted
from iotids.testbed.habits import Habit
from iotids.testbed.home import Home
from iotids.testbed.hosts import Host

HOUR_US = 3_600_000_000
# Share of the daytime activity in each hour of the day, for things that people use.
PEOPLE_BY_HOUR = (
    0.15,
    0.1,
    0.05,
    0.05,
    0.05,
    0.15,
    0.5,
    0.9,
    0.8,
    0.5,
    0.4,
    0.5,
    0.7,
    0.6,
    0.5,
    0.5,
    0.6,
    0.8,
    1.0,
    1.0,
    1.0,
    0.9,
    0.6,
    0.3,
)


@dataclass(frozen=True)
class Routine:
    """A habit with its rhythm: every `period_s` on average, like clockwork or at random, always or when
    people are awake.
    """

    habit: Habit
    period_s: float
    regular: bool = True
    follows_people: bool = False


def often(habit: Habit, period_s: float) -> Routine:
    """Make a clockwork routine."""
    return Routine(habit, period_s)


def at_random(habit: Habit, period_s: float) -> Routine:
    """Make a routine that comes at random moments when people are awake."""
    return Routine(habit, period_s, regular=False, follows_people=True)


EVERY_DEVICE = (often(habits.look_up, 9000), often(habits.set_clock, 8000), often(habits.renew_lease, 30_000))

PROFILES: dict[str, tuple[Routine, ...]] = {
    "camera": (
        *EVERY_DEVICE,
        often(habits.talk_to_cloud, 7000),
        often(habits.hold_cloud_line, 20_000),
        at_random(habits.upload_clip, 20_000),
        at_random(habits.burst_datagrams, 5500),
        often(habits.beat_by_datagram, 12_000),
        often(habits.retry_dead_server, 24_000),
        often(habits.announce_upnp, 20_000),
        at_random(habits.half_open, 40_000),
    ),
    "speaker": (
        *EVERY_DEVICE,
        at_random(habits.talk_to_cloud, 5000),
        often(habits.hold_cloud_line, 20_000),
        at_random(habits.stream_music, 9000),
        often(habits.announce_mdns, 14_000),
        often(habits.search_neighbours, 16_000),
        at_random(habits.burst_requests, 60_000),
    ),
    "plug": (
        *EVERY_DEVICE,
        often(habits.beat_small, 16_000),
        often(habits.send_readings, 16_000),
        often(habits.retry_dead_server, 20_000),
        often(habits.beat_by_datagram, 16_000),
        often(habits.check_line, 20_000),
    ),
    "hub": (
        *EVERY_DEVICE,
        often(habits.poll_web, 6000),
        often(habits.read_sensor, 8000),
        often(habits.beat_small, 20_000),
        often(habits.knock_at_closed_port, 16_000),
        often(habits.probe_open_port, 18_000),
        often(habits.search_neighbours, 14_000),
        often(habits.talk_to_cloud, 12_000),
    ),
    "sensor": (
        *EVERY_DEVICE,
        often(habits.send_readings, 8000),
        often(habits.poll_web, 12_000),
        often(habits.retry_dead_server, 50_000),
        often(habits.talk_to_cloud, 16_000),
    ),
    "laptop": (
        *EVERY_DEVICE,
        at_random(habits.browse, 3500),
        at_random(habits.watch_camera, 30_000),
        at_random(habits.administer_by_telnet, 11_000),
        at_random(habits.probe_open_port, 12_000),
        at_random(habits.knock_at_closed_port, 13_000),
        at_random(habits.burst_requests, 40_000),
        at_random(habits.check_line, 20_000),
        at_random(habits.half_open, 30_000),
    ),
    "phone": (
        *EVERY_DEVICE,
        at_random(habits.browse, 6000),
        often(habits.hold_cloud_line, 16_000),
        at_random(habits.poll_web, 6000),
        at_random(habits.announce_mdns, 16_000),
        at_random(habits.knock_at_closed_port, 20_000),
        at_random(habits.watch_camera, 50_000),
    ),
}


def live(
    home: Home,
    device: Host,
    profile: str,
    *,
    start_us: int,
    end_us: int,
    pace: float = 1.0,
    routines: Sequence[Routine] = (),
) -> None:
    """Let a device follow its routines from start to end, `pace` times as often as the profile says."""
    for routine in routines or PROFILES[profile]:
        period_us = routine.period_s * 1e6 / pace
        at_us = start_us + int(home.rng.random() * period_us)
        while at_us < end_us:
            if not routine.follows_people or happens(home.rng, PEOPLE_BY_HOUR[at_us // HOUR_US % 24]):
                at_us = max(at_us, routine.habit(home, device, at_us))
            at_us += around(home.rng, period_us, 0.06) if routine.regular else waiting(home.rng, period_us)


def act_at_random(
    home: Home, profiles: Sequence[tuple[Host, str]], *, start_us: int, end_us: int, times: int
) -> None:
    """Let randomly chosen devices follow randomly chosen routines, frequent ones more often: the background
    of a short capture.
    """
    for _ in range(times):
        device, profile = profiles[home.rng.randrange(len(profiles))]
        routine = weighted(home.rng, [(1 / routine.period_s, routine) for routine in PROFILES[profile]])
        routine.habit(home, device, home.rng.randrange(start_us, end_us))
