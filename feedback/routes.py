"""The pages of the feedback room: the citizen's survey and the figures for staff."""

from fastapi import APIRouter

from feedback.figure_routes import router as figure_router
from feedback.survey_routes import router as survey_router

router = APIRouter()
router.include_router(survey_router)
router.include_router(figure_router)
