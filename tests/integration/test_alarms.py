"""The alerts of configs/prometheus use metrics that the exporter really has."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import CollectorRegistry

from worker.config.settings import Settings
from worker.queue.metrics import DeskCollector

_PROMETHEUS = Path(__file__).parents[2] / "configs" / "prometheus"
_RULES: list[dict[str, Any]] = [
    rule
    for group in yaml.safe_load((_PROMETHEUS / "alerts.yml").read_text("utf-8"))["groups"]
    for rule in group["rules"]
]

#: PromQL words in the rules; every other word of an ``expr`` is a metric.
_PROMQL = {"absent", "and", "histogram_quantile", "increase", "rate", "sum", "without"}


@pytest.mark.parametrize("rule", _RULES, ids=lambda rule: rule["alert"])
def test_an_alert_uses_existing_metrics(rule: dict[str, Any], settings: Settings) -> None:
    registry = CollectorRegistry()
    registry.register(DeskCollector(settings))
    samples = [sample for family in registry.collect() for sample in family.samples]
    expr = re.sub(r"without \(state\)|\[\w+\]", "", rule["expr"])
    words = re.findall(r'(?<![\w."])([a-zA-Z]\w*)(?:\{(\w+)=~?"([^"]*)"\})?', expr)
    metrics = [word for word in words if word[0] not in _PROMQL]

    assert metrics
    for name, label, values in metrics:
        assert name in {sample.name for sample in samples}
        labels = {sample.labels.get(label) for sample in samples if sample.name == name}
        assert set(values.split("|") if label else ()) <= labels


@pytest.mark.parametrize("rule", _RULES, ids=lambda rule: rule["alert"])
def test_an_alert_waits_and_says_what_to_do(rule: dict[str, Any]) -> None:
    assert re.fullmatch(r"[1-9]\d*m", rule["for"])
    assert rule["labels"]["severity"] in {"critical", "warning"}
    assert set(rule["annotations"]) == {"summary", "description"}
    # The summary says what happened, the description what to do.
    assert len(rule["annotations"]["summary"]) <= 100
    assert len(rule["annotations"]["description"].split()) >= 20


def test_prometheus_scrapes_the_exporter_and_loads_the_alerts() -> None:
    config = yaml.safe_load((_PROMETHEUS / "prometheus.yml").read_text("utf-8"))

    assert config["rule_files"] == ["alerts.yml"]
    assert config["scrape_configs"][0]["static_configs"] == [{"targets": ["127.0.0.1:9808"]}]
    assert len({rule["alert"] for rule in _RULES}) == len(_RULES) == 10


def test_promtool_accepts_both_files() -> None:
    command = shutil.which("promtool")
    if command is None:
        pytest.skip("promtool is not installed")
    config = _PROMETHEUS / "prometheus.yml"
    ran = subprocess.run(
        [command, "check", "config", config], capture_output=True, timeout=60, check=False
    )

    assert ran.returncode == 0, ran.stderr
