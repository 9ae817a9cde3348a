"""What the technicians' room does by itself: it listens to nobody, and tidies up now and then."""

from hub.db.unit_of_work import Subscriptions
from technician_api.service.tidying import forget_old_answers

SUBSCRIPTIONS: Subscriptions = {}
JOBS: dict[str, object] = {}
TIMERS = {"forget_old_answers": forget_old_answers}
