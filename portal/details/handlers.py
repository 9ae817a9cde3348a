"""What this sub-room does by itself."""

from portal.details.service import SWEEP_TIMER, sweep_files

TIMERS = {SWEEP_TIMER: sweep_files}
