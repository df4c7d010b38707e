"""Probes and metrics over real sockets."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families

from bot.config import BadConfiguration
from bot.config import Health as HealthConfig
from bot.ops.health import STAGES, Health, LoopLag, Metrics

pytestmark = pytest.mark.asyncio

ON = HealthConfig(enabled=True, port=0)


def says(answer: bool) -> Callable[[], Awaitable[bool]]:
    async def check() -> bool:
        return answer

    return check


async def get(health: Health, path: str) -> tuple[int, dict[str, object]]:
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"http://127.0.0.1:{health.port}{path}") as response,
    ):
        return response.status, await response.json()


async def scrape(health: Health) -> dict[str, list[tuple[dict[str, str], float]]]:
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"http://127.0.0.1:{health.port}/metrics") as response,
    ):
        assert response.headers["Content-Type"].startswith("text/plain; version=")
        families = text_string_to_metric_families(await response.text())
    samples: dict[str, list[tuple[dict[str, str], float]]] = {}
    for family in families:
        for sample in family.samples:
            samples.setdefault(sample.name, []).append((sample.labels, sample.value))
    return samples


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.01)


# Serving


async def test_off_by_default() -> None:
    async with Health(HealthConfig(), Metrics(), {}) as health:
        assert health.port is None


async def test_it_listens_on_loopback_and_leaves_nothing_behind() -> None:
    async with Health(ON, Metrics(), {}) as health:
        assert (await get(health, "/livez"))[0] == 200
        others = {task.get_name() for task in asyncio.all_tasks()}
        assert "loop lag" in others
    with pytest.raises(aiohttp.ClientConnectorError):
        await get(health, "/livez")
    assert not {task.get_name() for task in asyncio.all_tasks()} & {"loop lag"}
    assert HealthConfig().host == "127.0.0.1"


async def test_a_port_in_use_is_one_sentence() -> None:
    async with Health(ON, Metrics(), {}) as first:
        taken = HealthConfig(enabled=True, port=first.port)
        with pytest.raises(BadConfiguration, match=rf"^health\.port: {first.port} is in use .*\.$"):
            await Health(taken, Metrics(), {}).__aenter__()
        assert [task.get_name() for task in asyncio.all_tasks()].count("loop lag") == 1


async def test_a_host_that_is_not_ours_is_one_sentence() -> None:
    with pytest.raises(BadConfiguration, match=r"^health\.host, .*192\.0\.2\.1.*\.$"):
        await Health(HealthConfig(enabled=True, host="192.0.2.1", port=0), Metrics(), {}).__aenter__()


async def test_nothing_else_is_served() -> None:
    async with Health(ON, Metrics(), {}) as health, aiohttp.ClientSession() as session:
        for method, path in (("GET", "/"), ("GET", "/debug"), ("POST", "/livez"), ("DELETE", "/metrics")):
            async with session.request(method, f"http://127.0.0.1:{health.port}{path}") as response:
                assert response.status in (404, 405)


# Readiness


@pytest.mark.parametrize("unmet", ["gateway", "workers", "database", None])
async def test_ready_means_that_every_check_is_met(unmet: str | None) -> None:
    checks = {name: says(name != unmet) for name in ("gateway", "workers", "database")}
    async with Health(ON, Metrics(), checks) as health:
        status, body = await get(health, "/readyz")
    assert status == (200 if unmet is None else 503)
    assert body["ready"] is (unmet is None)
    assert body["checks"] == {name: name != unmet for name in checks}


async def test_a_check_that_raises_is_not_met(caplog: pytest.LogCaptureFixture) -> None:
    async def locked() -> bool:
        raise OSError("the file of somebody")

    async with Health(ON, Metrics(), {"gateway": says(True), "database": locked}) as health:
        status, body = await get(health, "/readyz")
    assert (status, body["checks"]) == (503, {"gateway": True, "database": False})
    assert "database failed: OSError" in caplog.text
    assert "somebody" not in caplog.text


async def test_a_check_that_hangs_is_not_met(monkeypatch: pytest.MonkeyPatch) -> None:
    async def hang() -> bool:
        await asyncio.Event().wait()
        return True

    monkeypatch.setattr("bot.ops.health.CHECK_SECONDS", 0.05)
    async with Health(ON, Metrics(), {"database": hang, "gateway": says(True)}) as health:
        status, body = await get(health, "/readyz")
    assert (status, body["checks"]) == (503, {"database": False, "gateway": True})


async def test_draining_is_alive_but_not_ready() -> None:
    async with Health(ON, Metrics(), {"gateway": says(True)}) as health:
        assert (await get(health, "/readyz"))[0] == 200
        health.drain()
        status, body = await get(health, "/readyz")
        assert (status, body["draining"], body["checks"]) == (503, True, {"gateway": True})
        assert (await get(health, "/livez"))[0] == 200


# Liveness and lag


async def test_a_loop_that_is_too_late_is_not_alive() -> None:
    async with Health(ON, Metrics(), {}, live_seconds=1.0) as health:
        url = f"http://127.0.0.1:{health.port}/livez"

        async def work() -> None:
            while True:
                time.sleep(1.1)
                await asyncio.sleep(0)

        async with aiohttp.ClientSession() as session:
            await (await session.get(url)).read()
            busy = asyncio.create_task(work())
            # Until the first late sample is taken.
            async with asyncio.timeout(20):
                while (await session.get(url)).status != 503:
                    pass
            busy.cancel()
            async with asyncio.timeout(20):
                while (await session.get(url)).status != 200:
                    await asyncio.sleep(0.01)


async def test_a_blocked_loop_is_measured() -> None:
    told: list[float] = []
    async with LoopLag(told.append) as lag:
        await until(lambda: bool(told))
        time.sleep(0.3)
        assert lag.now >= 0.15
        await until(lambda: lag.max >= 0.15)
    assert lag.max >= 0.15
    assert lag.p99 == lag.max == max(told)


async def test_p99_forgives_one_sample_in_a_hundred_and_old_ones_are_forgotten() -> None:
    lag = LoopLag()
    assert (lag.p99, lag.max) == (0, 0)
    lag._samples.extend([0.001] * 199 + [3.0])
    assert (lag.p99, lag.max) == (0.001, 3)
    lag._samples.extend([2.0, 2.0])
    assert lag.p99 == 2
    lag._samples.extend([0.002] * LoopLag.SAMPLES)
    assert lag.max == 0.002


# Metrics


async def test_metrics_show_what_was_counted() -> None:
    metrics = Metrics()
    metrics.queue_depth.set_function(lambda: 7)
    metrics.gateway_latency.set(0.04)
    metrics.batch_size.observe(3)
    metrics.batch_seconds.observe(0.008)
    metrics.stages.labels(stage="caption").observe(0.2)
    metrics.rejects.labels(reason="Busy").inc()
    metrics.worker_restarts.inc(2)
    async with Health(ON, metrics, {}) as health:
        shown = await scrape(health)
    assert shown["songwriter_queue_depth"] == [({}, 7)]
    assert shown["songwriter_gateway_latency_seconds"] == [({}, 0.04)]
    assert shown["songwriter_batch_size_sum"] == [({}, 3)]
    assert ({"le": "0.01"}, 1) in shown["songwriter_batch_seconds_bucket"]
    assert ({"stage": "caption"}, 1) in shown["songwriter_stage_seconds_count"]
    assert {labels["stage"] for labels, _ in shown["songwriter_stage_seconds_count"]} == set(STAGES)
    assert shown["songwriter_rejects_total"] == [({"reason": "Busy"}, 1)]
    assert shown["songwriter_worker_restarts_total"] == [({}, 2)]


async def test_the_loop_s_lag_is_among_the_metrics() -> None:
    metrics = Metrics()
    async with Health(ON, metrics, {}) as health:
        async with asyncio.timeout(20):
            while (await scrape(health))["songwriter_loop_lag_seconds_count"] == [({}, 0)]:
                await asyncio.sleep(0.02)


async def test_no_label_could_hold_an_id() -> None:
    metrics = Metrics()
    metrics.rejects.labels(reason="Busy")
    labels = {
        key for family in metrics.registry.collect() for sample in family.samples for key in sample.labels
    }
    assert labels == {"stage", "reason", "le"}


async def test_two_sets_of_metrics_do_not_meet() -> None:
    first, second = Metrics(), Metrics()
    first.worker_restarts.inc()
    assert second.registry.get_sample_value("songwriter_worker_restarts_total") == 0
