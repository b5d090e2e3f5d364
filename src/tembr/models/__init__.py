"""Members: the contract, and every kind that fulfils it; importing the package registers them."""

from __future__ import annotations

from tembr.models import baselines, encoder, finetuned, network  # noqa: F401  (they register)
from tembr.models.base import KINDS, Member, MemberSettings, fit_member, load_member, member_settings, register

__all__ = ["KINDS", "Member", "MemberSettings", "fit_member", "load_member", "member_settings", "register"]
