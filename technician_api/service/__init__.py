"""What a technician's phone does: it is enrolled, takes the steps of a visit, reports and adds photos.

Each verb is in a file of its own; callers import them from here.
"""

from technician_api.service.door_codes import CheckDoorCode, check_door_code
from technician_api.service.enrolment import (
    Enrol,
    NewDevice,
    SignedIn,
    enrol_device,
    identify,
    issue_enrolment_code,
    revoke_devices,
    sign_out,
)
from technician_api.service.idempotency import Answer
from technician_api.service.photos import AddPhoto, StoredPhoto, add_photo, open_photo
from technician_api.service.places import keep_place
from technician_api.service.reports import FileReport, file_report
from technician_api.service.steps import TakeStep, take_step
from technician_api.service.tidying import forget_old_answers

__all__ = [
    "AddPhoto",
    "Answer",
    "CheckDoorCode",
    "Enrol",
    "FileReport",
    "NewDevice",
    "SignedIn",
    "StoredPhoto",
    "TakeStep",
    "add_photo",
    "check_door_code",
    "enrol_device",
    "file_report",
    "forget_old_answers",
    "identify",
    "issue_enrolment_code",
    "keep_place",
    "open_photo",
    "revoke_devices",
    "sign_out",
    "take_step",
]
