"""The numbers of watched jobs for monitoring systems: Prometheus by HTTP or by file, OpenTelemetry.

Nothing is served or sent unless a flag asks; what is served binds to this machine unless told otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from mfu_planner.errors import InputError

if TYPE_CHECKING:
    from mfu_planner.observe.watch.look import Look

COUNTERS = {
    "training_steps": ("step", "Optimizer steps done."),
    "training_tokens": ("tokens", "Tokens trained on."),
    "training_model_flops": ("model_flops", "Model FLOPs done, recomputation left out."),
}
"""Name (Prometheus adds ``_total``) → field of a look, meaning."""
GAUGES = {
    "training_peak_flops_per_second": ("peak_flops_per_s", "Peak FLOP/s of all devices."),
    "training_mfu_ratio": ("mfu", "Model FLOPs utilization, 0 to 1."),
    "training_predicted_mfu_ratio": ("predicted_mfu", "Model FLOPs utilization that was predicted, 0 to 1."),
    "training_step_seconds": ("recent_step_time_s", "Seconds of a recent step."),
    "training_alarms": ("alarms", "Alarms that are raised: stalled, slower, impossible."),
}
MOST_JOBS = 1000
"""Jobs that are exported at most: labels must stay bounded."""

Looks = Callable[[], Mapping[str, "Look"]]
"""Job → its newest look."""


def values(looks: Mapping[str, Look], field: str) -> Iterator[tuple[str, float]]:
    """(job, value) of a field wherever it is known."""
    for job, seen in list(looks.items())[:MOST_JOBS]:
        value = len(seen.alarms) if field == "alarms" else getattr(seen, field)
        if value is not None:
            yield job, float(value)


class Collector:
    """A collector of ``prometheus_client`` over the newest looks."""

    def __init__(self, looks: Looks) -> None:
        self._looks = looks

    def collect(self) -> Iterable[Any]:
        """Counters and gauges with one label, the job."""
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        seen = self._looks()
        for family, table in ((CounterMetricFamily, COUNTERS), (GaugeMetricFamily, GAUGES)):
            for name, (field, meaning) in table.items():
                metric = family(name, meaning, labels=["job_name"])
                for job, value in values(seen, field):
                    metric.add_metric([job], value)
                yield metric


class Prometheus:
    """Serves at ``HOST:PORT``, writes a textfile at each :meth:`write`, or both.

    Raises
    ------
    InputError
        The extra is not installed, the address makes no sense or is taken, the file cannot be written.
    """

    def __init__(self, looks: Looks, address: str | None, textfile: str | None) -> None:
        try:
            from prometheus_client import CollectorRegistry, start_http_server
        except ImportError:
            wanted = "an installation with pip install 'mfu-planner[watch]'"
            raise InputError("prometheus", address or textfile, wanted) from None
        if textfile is not None and not textfile.endswith(".prom"):
            raise InputError("textfile", textfile, "a name that ends in .prom, as the node exporter looks for")
        self._textfile = textfile
        self._registry = CollectorRegistry()
        self._registry.register(Collector(looks))
        self._server: Any = None
        if address is not None:
            host, port = _address(address)
            try:
                self._server, self._thread = start_http_server(port, addr=host, registry=self._registry)
            except OSError as error:
                raise InputError("prometheus", address, f"an address that is free ({error})") from None

    def write(self) -> None:
        """Write the textfile, if one is wanted; a reader sees the old one or the new one, never a half."""
        if self._textfile is None:
            return
        from prometheus_client import write_to_textfile

        try:
            write_to_textfile(self._textfile, self._registry)
        except OSError as error:
            raise InputError("textfile", self._textfile, f"a file that can be written ({error.strerror})") from None

    def close(self) -> None:
        """Serve no longer."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._thread.join()


def otel(looks: Looks) -> Callable[[], object]:
    """Export over OTLP to where OpenTelemetry's own environment variables say; what is returned ends it.

    Raises
    ------
    InputError
        The libraries are not installed.
    """
    try:
        from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
        from opentelemetry.metrics import CallbackOptions, Observation
        from opentelemetry.sdk.metrics import MeterProvider
        from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
    except ImportError:
        raise InputError("otel", True, "an installation with pip install 'mfu-planner[watch]'") from None
    provider = MeterProvider([PeriodicExportingMetricReader(OTLPMetricExporter())])
    meter = provider.get_meter("mfu_planner")

    def observe(field: str) -> Callable[[CallbackOptions], list[Observation]]:
        return lambda _: [Observation(value, {"job_name": job}) for job, value in values(looks(), field)]

    for name, (field, meaning) in COUNTERS.items():
        meter.create_observable_counter(name, [observe(field)], description=meaning)
    for name, (field, meaning) in GAUGES.items():
        meter.create_observable_gauge(name, [observe(field)], description=meaning)
    ending: Callable[[], object] = provider.shutdown
    return ending


class Exports:
    """Every place that the numbers go to; none of them unless asked for."""

    def __init__(
        self, looks: Looks, *, prometheus: str | None = None, textfile: str | None = None, opentelemetry: bool = False
    ) -> None:
        self._served = Prometheus(looks, prometheus, textfile) if prometheus or textfile else None
        self._end_otel = otel(looks) if opentelemetry else None

    def write(self) -> None:
        """After the looks have changed."""
        if self._served is not None:
            self._served.write()

    def close(self) -> None:
        """Write once more, then end everything."""
        if self._served is not None:
            self._served.write()
            self._served.close()
        if self._end_otel is not None:
            self._end_otel()
            self._end_otel = None


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not port.isdecimal() or not 0 < int(port) < 1 << 16:
        raise InputError("prometheus", text, "HOST:PORT, such as 127.0.0.1:9464, or :9464 for this machine alone")
    return host or "127.0.0.1", int(port)
