"""What one process measures of its own work, for Prometheus. What all processes share is counted in the database: `infra.hosts.metrics`.

These begin at nothing when the process starts, as Prometheus expects of a process; whoever asks over several processes sums them.
"""

from collections import Counter as Tally
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from threading import Lock

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

PROCESS = CollectorRegistry(auto_describe=True)
"""Everything this process measures."""
_LAG_BUCKETS = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600)
_WINDOW = 1000

_deliveries = Counter(
    "doorstep_deliveries",
    "Messages handled by this process, redeliveries included, by what became of the delivery.",
    ["settlement"],
    registry=PROCESS,
)
_lag = Histogram(
    "doorstep_import_lag_seconds",
    "From when a message was put on the bus (or when its event happened) until its order was imported.",
    buckets=_LAG_BUCKETS,
    registry=PROCESS,
)
_sent = Counter(
    "doorstep_provider_calls",
    "Messages to people handed to a provider, by what it answered.",
    ["provider", "outcome"],
    registry=PROCESS,
)
_jobs = Counter("doorstep_jobs", "Jobs this process ran, by name and outcome.", ["job", "outcome"], registry=PROCESS)


class LatestLags(Collector):
    """The 95th percentile of the last `_WINDOW` imports' lag: a figure for people; a histogram is exact over processes and time."""

    def __init__(self) -> None:
        self._lags: deque[float] = deque(maxlen=_WINDOW)
        self._turn = Lock()

    def note(self, seconds: float) -> None:
        """Take one more lag in, in seconds."""
        with self._turn:
            self._lags.append(seconds)

    def p95(self) -> float | None:
        """The lag in seconds that 95 of 100 imports do not exceed (nearest rank), or None before the first."""
        with self._turn:
            ordered = sorted(self._lags)
        return ordered[-(-95 * len(ordered) // 100) - 1] if ordered else None

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """The figure, when there is one."""
        family = GaugeMetricFamily(
            "doorstep_import_lag_p95_seconds", f"The lag that 95 of 100 of this process's last {_WINDOW} imports kept."
        )
        if (figure := self.p95()) is not None:
            family.add_metric([], figure)
        yield family


_latest = LatestLags()
PROCESS.register(_latest)


@dataclass
class Gathered:
    """Deliveries by settlement and import lags in seconds, to be told to another process."""

    deliveries: Tally[str] = field(default_factory=Tally)
    lags: list[float] = field(default_factory=list)


class _Notes:
    """What is gathered for another process; nothing until somebody asks for it."""

    def __init__(self) -> None:
        self._turn = Lock()
        self._gathered: Gathered | None = None

    def begin(self) -> None:
        """From now on everything is gathered."""
        self._gathered = Gathered()

    def take(self) -> Gathered:
        """Take out what came since the last time."""
        with self._turn:
            taken, self._gathered = self._gathered or Gathered(), Gathered()
        return taken

    def note(self, *, settlement: str = "", lag: float | None = None) -> bool:
        """Gather this; False when nobody asked for it."""
        if self._gathered is None:
            return False
        with self._turn:
            if settlement:
                self._gathered.deliveries[settlement] += 1
            if lag is not None:
                self._gathered.lags.append(lag)
        return True


_for_another = _Notes()


def gather() -> Callable[[], Gathered]:
    """From now on deliveries and lags are not counted here but noted for the process that counts for this one.

    The answer takes out what came since the last time.
    """
    _for_another.begin()
    return _for_another.take


def add_gathered(gathered: Gathered) -> None:
    """Count what another process noted as done by this one."""
    for settlement, number in gathered.deliveries.items():
        _deliveries.labels(settlement).inc(number)
    for seconds in gathered.lags:
        note_import_lag(seconds)


def note_delivery(settlement: str) -> None:
    """Count one delivery: `completed`, `dead-lettered` or `failed` (it comes again)."""
    if not _for_another.note(settlement=settlement):
        _deliveries.labels(settlement).inc()


def note_import_lag(seconds: float) -> None:
    """Count the lag of one import in seconds. A clock that runs behind the sender's counts as no lag."""
    lag = max(seconds, 0.0)
    if not _for_another.note(lag=lag):
        _lag.observe(lag)
        _latest.note(lag)


def note_provider_call(provider: str, outcome: str) -> None:
    """Count one call: `sent`, `refused` or `unknown`."""
    _sent.labels(provider, outcome).inc()


def note_job(name: str, outcome: str) -> None:
    """Count one job: `done` or `failed`."""
    _jobs.labels(name, outcome).inc()
