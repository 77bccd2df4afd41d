"""Every path of the simulated API, one module for each family."""

from __future__ import annotations

from simulator.routes import ads, business_centers, creators, identities, oauth, posts, reports, subscriptions, tcm
from simulator.transport import Endpoints, by_path

FAMILIES = (posts, identities, business_centers, creators, oauth, ads, reports, subscriptions, tcm)


def endpoints() -> Endpoints:
    """Path → method → endpoint."""
    return by_path([endpoint for family in FAMILIES for endpoint in family.ENDPOINTS])
