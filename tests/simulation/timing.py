"""How long a simulated fleet waits for what: the defaults of the settings, or all of them shorter by the same share."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Timing:
    """Seconds. `margin` is what the registry waits for drifting clocks after a lease's end; `sync` is the nodes'."""

    lease: float = 30.0
    beat: float = 10.0
    margin: float = 10.0
    verdict: float = 5.0
    takeover: float = 60.0
    handback: float = 120.0
    sweep: float = 2.0
    sync: float = 600.0

    @classmethod
    def of_lease(cls, lease: float) -> "Timing":
        """The defaults, as much shorter as the lease is; a state is handed back once in it, not every ten minutes."""
        share = lease / cls.lease
        return cls(
            lease=lease,
            beat=share * cls.beat,
            margin=share * cls.margin,
            verdict=share * cls.verdict,
            takeover=share * cls.takeover,
            handback=share * cls.handback,
            sweep=share * cls.sweep,
            sync=lease,
        )
