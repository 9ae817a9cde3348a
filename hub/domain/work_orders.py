"""Work orders: one job from the utility, at one place."""

from dataclasses import dataclass
from datetime import datetime

from hub.domain.ids import WorkOrderId
from hub.domain.lifecycle import HoldReason, WorkOrderStatus
from hub.domain.places import Place, PlaceQuality, PlaceUnknownError

_RESTS = (HoldReason.DECEASED, HoldReason.MOVED, HoldReason.WRONG_NUMBER)


@dataclass(frozen=True)
class WorkOrder:
    """One job. `utility` and `external_id` together name it in the utility's own system.

    `weight` is what leaving the order unserved costs the plan (higher is more urgent). The citizen's fields are empty for a job
    that needs no citizen. The coordinates are None only while nobody knows where the address lies (and in orders that ended so);
    `place_quality` says where they come from, `place_note` why that is not enough.
    `revision` is that of the utility's last message that had an effect. `version` rises with every change and guards against lost updates.
    """

    id: WorkOrderId
    utility: str
    external_id: str
    work_type: str
    status: WorkOrderStatus
    territory: str
    weight: int
    citizen_name: str
    citizen_email: str
    citizen_phone: str
    language: str
    street: str
    postcode: str
    town: str
    latitude: float | None
    longitude: float | None
    zone: str
    not_before: datetime | None
    due_at: datetime | None
    notes: str
    correlation_id: str
    imported_at: datetime
    hold_reason: HoldReason | None = None
    reject_reason: str = ""
    place_quality: PlaceQuality = PlaceQuality.GIVEN
    place_note: str = ""
    revision: str = ""
    version: int = 1

    @property
    def rests(self) -> bool:
        """Whether nobody may act on it by a link: who opens one was left somebody's post, lives where somebody moved out, or never
        was the citizen.

        It ends as soon as staff, the utility, or a review date takes the order up again.
        """
        return self.status is WorkOrderStatus.ON_HOLD and self.hold_reason in _RESTS

    @property
    def place(self) -> Place:
        """Where the work is done; raises PlaceUnknownError while nobody knows."""
        if self.latitude is None or self.longitude is None:
            raise PlaceUnknownError(self.address)
        return Place(self.latitude, self.longitude)

    @property
    def address(self) -> str:
        """The address on one line."""
        return f"{self.street}, {self.postcode} {self.town}"
