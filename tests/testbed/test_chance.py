"""Random draws: pinned numbers, so that another Python giving other numbers is noticed, and their ranges."""

from __future__ import annotations

from collections import Counter

from iotids.testbed.chance import around, happens, log_uniform, stream, waiting, weighted

PINNED = [1192788714, 939, 623, 205, "a"]


def test_draws_of_a_named_stream_are_these_numbers_on_every_python():
    rng = stream(7, "D1", "x")
    drawn = [rng.getrandbits(32), around(rng, 1000, 0.5), waiting(rng, 1000), log_uniform(rng, 10, 1000)]
    assert [*drawn, weighted(rng, ((1, "a"), (2, "b")))] == PINNED


def test_streams_of_different_parts_are_different():
    assert (
        len(
            {stream(7, "D1", number).getrandbits(64) for number in range(50)}
            | {stream(8, "D1", 0).getrandbits(64)}
        )
        == 51
    )


def test_draws_around_a_value_stay_within_the_share_and_centre_on_it():
    rng = stream(1)
    values = [around(rng, 10_000, 0.2) for _ in range(4000)]
    assert min(values) >= 8000 and max(values) <= 12_000 and abs(sum(values) / 4000 - 10_000) < 60


def test_waiting_times_have_their_mean_and_are_never_zero():
    rng = stream(1)
    values = [waiting(rng, 1000) for _ in range(8000)]
    assert min(values) >= 1 and max(values) <= 6001 and abs(sum(values) / 8000 - 1000) < 50


def test_log_uniform_gives_every_decade_its_share():
    rng = stream(1)
    decades = Counter(len(str(log_uniform(rng, 10, 10_000))) for _ in range(6000))
    assert all(abs(decades[digits] - 2000) < 150 for digits in (2, 3, 4))


def test_weights_decide_how_often_a_thing_is_picked():
    rng = stream(1)
    picked = Counter(weighted(rng, ((3, "often"), (1, "seldom"), (0, "never"))) for _ in range(4000))
    assert set(picked) == {"often", "seldom"} and abs(picked["often"] - 3000) < 120


def test_certain_things_happen_and_impossible_ones_do_not():
    rng = stream(1)
    assert all(happens(rng, 1.0) for _ in range(100)) and not any(happens(rng, 0.0) for _ in range(100))
