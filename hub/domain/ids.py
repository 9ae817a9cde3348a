"""Identifiers as distinct types: a technician's id can never be passed where a work order's is meant."""

from typing import NewType
from uuid import UUID

WorkOrderId = NewType("WorkOrderId", UUID)
AppointmentId = NewType("AppointmentId", UUID)
VisitId = NewType("VisitId", UUID)
TechnicianId = NewType("TechnicianId", UUID)
RouteId = NewType("RouteId", UUID)
PlanId = NewType("PlanId", UUID)
LinkId = NewType("LinkId", UUID)
NotificationId = NewType("NotificationId", UUID)
StaffId = NewType("StaffId", UUID)
DeviceId = NewType("DeviceId", UUID)
EventId = NewType("EventId", UUID)
AbsenceId = NewType("AbsenceId", UUID)
