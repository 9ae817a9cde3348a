"""The figures of the product, each as one query over the history.

Every query gives (numerator, denominator), or (value in seconds, denominator) for medians and percentiles. What happened,
and when the hub heard of it, comes from `status_event`, which is never changed; when a technician arrived is what the
phone reported with that step. Days are local days of the order's address.
"""

from dataclasses import dataclass

from feedback.figures import Unit

_DAY = "(e.at AT TIME ZONE w.zone)::date BETWEEN :first AND :last"
_EVENTS = "status_event AS e JOIN work_order AS w ON w.id = e.work_order_id"
_INVITED = f"SELECT DISTINCT e.work_order_id FROM {_EVENTS} WHERE e.name = 'work_order.contacting' AND e.action = 'invite' AND {_DAY}"  # noqa: S608 - constants of this file
_ROLLED = "e.name IN ('visit.en_route', 'visit.on_site')"


@dataclass(frozen=True)
class Definition:
    """A figure before it is counted."""

    code: str
    name: str
    meaning: str
    unit: Unit
    query: str


_PROMISE_KEPT = """
    SELECT count(*) FILTER (WHERE arrived.at >= a.starts_at AND arrived.at < a.ends_at), count(*)
    FROM appointment AS a
    JOIN work_order AS w ON w.id = a.work_order_id
    LEFT JOIN LATERAL (
        SELECT min(v.arrived_at) AS at FROM visit AS v
        JOIN status_event AS e ON e.work_order_id = v.work_order_id AND e.entity_id = v.id AND e.name = 'visit.on_site'
        WHERE v.appointment_id = a.id
    ) AS arrived ON true
    WHERE a.ends_at <= :now AND (a.ends_at AT TIME ZONE w.zone)::date BETWEEN :first AND :last
      AND EXISTS (SELECT FROM status_event AS e WHERE e.work_order_id = a.work_order_id
                  AND e.entity_id = a.id AND e.name = 'appointment.confirmed')
      AND NOT EXISTS (SELECT FROM status_event AS e WHERE e.work_order_id = a.work_order_id
                      AND e.entity_id = a.id AND e.name = 'appointment.cancelled')
"""

_FIRST_VISIT = f"""
    WITH done AS (SELECT DISTINCT e.work_order_id FROM {_EVENTS} WHERE e.name = 'work_order.completed' AND {_DAY}),
    rolled AS (SELECT e.work_order_id, count(DISTINCT e.entity_id) AS visits
               FROM status_event AS e JOIN done USING (work_order_id) WHERE {_ROLLED} GROUP BY e.work_order_id)
    SELECT count(*) FILTER (WHERE rolled.visits = 1), count(*) FROM done LEFT JOIN rolled USING (work_order_id)
"""  # noqa: S608 - constants of this file

_TRUCK_ROLLS = f"""
    SELECT count(DISTINCT e.entity_id) FILTER (WHERE {_ROLLED}),
           count(DISTINCT e.work_order_id) FILTER (WHERE e.name = 'work_order.completed')
    FROM {_EVENTS} WHERE {_DAY} AND (e.name = 'work_order.completed' OR {_ROLLED})
"""  # noqa: S608 - constants of this file

_NO_ACCESS = f"""
    WITH arrived AS (SELECT DISTINCT e.work_order_id, e.entity_id FROM {_EVENTS}
                     WHERE e.name = 'visit.on_site' AND {_DAY})
    SELECT count(*) FILTER (WHERE EXISTS (
               SELECT FROM status_event AS e WHERE e.work_order_id = arrived.work_order_id
               AND e.entity_id = arrived.entity_id AND e.name = 'visit.aborted' AND e.reason = 'no access')),
           count(*)
    FROM arrived
"""  # noqa: S608 - constants of this file

_ETA = f"""
    WITH missed AS (
        SELECT DISTINCT ON (v.id) abs(extract(epoch FROM v.arrived_at - v.promised_arrival)) AS seconds
        FROM {_EVENTS} JOIN visit AS v ON v.id = e.entity_id
        WHERE e.name = 'visit.on_site' AND v.promised_arrival IS NOT NULL AND v.arrived_at IS NOT NULL AND {_DAY})
    SELECT percentile_cont(%s) WITHIN GROUP (ORDER BY seconds), count(*) FROM missed
"""  # noqa: S608 - constants of this file

_SELF_BOOKING = f"""
    WITH invited AS ({_INVITED})
    SELECT count(*) FILTER (WHERE EXISTS (
               SELECT FROM status_event AS e WHERE e.work_order_id = invited.work_order_id
               AND e.name = 'work_order.booked' AND e.action = 'book' AND e.actor_kind = 'citizen')),
           count(*)
    FROM invited
"""  # noqa: S608 - constants of this file

_ESCALATION = f"""
    WITH invited AS ({_INVITED})
    SELECT count(*) FILTER (WHERE EXISTS (
               SELECT FROM status_event AS e WHERE e.work_order_id = invited.work_order_id
               AND e.name = 'work_order.escalated' AND e.data ->> 'reason' = 'no contact')),
           count(*)
    FROM invited
"""  # noqa: S608 - constants of this file

_TIME_TO_APPOINTMENT = """
    WITH first AS (
        SELECT e.work_order_id, min(e.at) AS at FROM status_event AS e
        WHERE e.name = 'appointment.confirmed' GROUP BY e.work_order_id)
    SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM first.at - w.imported_at)), count(*)
    FROM first JOIN work_order AS w ON w.id = first.work_order_id
    WHERE (first.at AT TIME ZONE w.zone)::date BETWEEN :first AND :last
"""

_ANSWERS = """
    FROM survey_answer AS s JOIN work_order AS w ON w.id = s.work_order_id
    WHERE (s.answered_at AT TIME ZONE w.zone)::date BETWEEN :first AND :last
"""
_CSAT = f"SELECT count(*) FILTER (WHERE s.rating >= 4), count(*) {_ANSWERS}"
_NPS = f"""
    SELECT count(*) FILTER (WHERE s.nps >= 9) - count(*) FILTER (WHERE s.nps <= 6), count(s.nps) {_ANSWERS}
"""
_RESPONSE = """
    WITH asked AS (
        SELECT DISTINCT n.work_order_id FROM notification AS n JOIN work_order AS w ON w.id = n.work_order_id
        WHERE n.kind = 'survey' AND n.status IN ('sent', 'delivered')
          AND (n.created_at AT TIME ZONE w.zone)::date BETWEEN :first AND :last)
    SELECT count(s.work_order_id), count(*) FROM asked LEFT JOIN survey_answer AS s USING (work_order_id)
"""

_INBOX = """
    SELECT count(*) FILTER (WHERE outcome = '%s'), count(*) FROM inbox_message
    WHERE handler = 'ingest.work-order' AND (received_at AT TIME ZONE 'UTC')::date BETWEEN :first AND :last
"""

GROUPS: tuple[tuple[str, tuple[Definition, ...]], ...] = (
    (
        "Promises and visits",
        (
            Definition(
                "promise-kept",
                "Promises kept",
                "Arrivals inside the arrival window, of appointments that were confirmed, not cancelled or moved, and whose window is over",
                Unit.SHARE,
                _PROMISE_KEPT,
            ),
            Definition(
                "first-visit-completion",
                "First-visit completion",
                "Orders done in one visit, of orders done",
                Unit.SHARE,
                _FIRST_VISIT,
            ),
            Definition(
                "no-access",
                "No access",
                "Visits that ended without access, of visits arrived at",
                Unit.SHARE,
                _NO_ACCESS,
            ),
            Definition(
                "truck-rolls",
                "Truck rolls per completion",
                "Visits that somebody set off for or arrived at, for each order completed",
                Unit.RATIO,
                _TRUCK_ROLLS,
            ),
            Definition(
                "eta-error-median",
                "ETA error, median",
                "Between the last forecast of the arrival and the arrival, of visits arrived at",
                Unit.SECONDS,
                _ETA % "0.5",
            ),
            Definition(
                "eta-error-p90",
                "ETA error, 9 of 10 within",
                "The same; nine of ten visits are off by less",
                Unit.SECONDS,
                _ETA % "0.9",
            ),
        ),
    ),
    (
        "Contact and booking",
        (
            Definition(
                "self-booking",
                "Self-booking",
                "Orders that the citizen booked by link, of orders invited",
                Unit.SHARE,
                _SELF_BOOKING,
            ),
            Definition(
                "escalation",
                "Escalation",
                "Orders that ended without contact, of orders invited",
                Unit.SHARE,
                _ESCALATION,
            ),
            Definition(
                "time-to-appointment",
                "Time to appointment, median",
                "From import to the first confirmed appointment, of orders with one",
                Unit.SECONDS,
                _TIME_TO_APPOINTMENT,
            ),
        ),
    ),
    (
        "What citizens say",
        (
            Definition("csat", "Satisfaction (CSAT)", "Ratings 4 and 5, of ratings", Unit.SHARE, _CSAT),
            Definition(
                "nps",
                "Recommendation (NPS)",
                "Scores 9–10 less scores 0–6, of scores, from -100 to 100",
                Unit.SCORE,
                _NPS,
            ),
            Definition("response-rate", "Response rate", "Surveys answered, of surveys sent", Unit.SHARE, _RESPONSE),
        ),
    ),
    (
        "Messages from the utility (days in UTC)",
        (
            Definition(
                "dead-letters",
                "Dead-lettered",
                "Messages that could not be read, of messages handled",
                Unit.SHARE,
                _INBOX % "dead-lettered",
            ),
            Definition(
                "duplicates",
                "Duplicates",
                "Messages with an order that was there before, of messages handled",
                Unit.SHARE,
                _INBOX % "duplicate",
            ),
        ),
    ),
)

CONTACT_BY_ATTEMPT = """
    WITH attempt AS (
        SELECT n.work_order_id, n.step + 1 AS number, n.channel, n.created_at AS begun, w.zone,
               lead(n.created_at) OVER (PARTITION BY n.work_order_id ORDER BY n.created_at, n.round, n.step) AS next
        FROM notification AS n JOIN work_order AS w ON w.id = n.work_order_id
        WHERE n.step IS NOT NULL AND n.status IN ('sent', 'delivered'))
    SELECT a.number, a.channel,
           count(*) FILTER (WHERE EXISTS (
               SELECT FROM status_event AS e WHERE e.work_order_id = a.work_order_id
               AND e.name = 'work_order.booked' AND e.action = 'book' AND e.actor_kind = 'citizen'
               AND e.at >= a.begun AND (a.next IS NULL OR e.at < a.next))) AS answered,
           count(*) AS sent
    FROM attempt AS a WHERE (a.begun AT TIME ZONE a.zone)::date BETWEEN :first AND :last
    GROUP BY a.number, a.channel ORDER BY a.number, a.channel
"""
"""A booking counts for the last attempt before it."""

PER_DAY = f"""
    WITH happened AS (
        SELECT (e.at AT TIME ZONE w.zone)::date AS day, e.name FROM {_EVENTS}
        WHERE e.name IN ('appointment.confirmed', 'work_order.completed') AND {_DAY})
    SELECT days.day::date, count(*) FILTER (WHERE h.name = 'appointment.confirmed'),
           count(*) FILTER (WHERE h.name = 'work_order.completed')
    FROM generate_series(CAST(:first AS timestamp), CAST(:last AS timestamp), interval '1 day') AS days(day)
    LEFT JOIN happened AS h ON h.day = days.day::date
    GROUP BY days.day ORDER BY days.day
"""  # noqa: S608 - constants of this file
