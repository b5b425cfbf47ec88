"""Adaptive training: learning rate, batch size and schedule found by short trials, with the reasons in plain words."""

from __future__ import annotations

from .auto_fit import AutoFit, auto_fit
from .batch_size import BatchSize, find_batch_size
from .range_test import RangeTest, find_lr
from .schedule import ScheduleChoice, choose_schedule

__all__ = [
    "AutoFit",
    "BatchSize",
    "RangeTest",
    "ScheduleChoice",
    "auto_fit",
    "choose_schedule",
    "find_batch_size",
    "find_lr",
]
