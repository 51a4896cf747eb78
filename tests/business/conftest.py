"""Hypothesis without a clock: a busy machine is not a failure.

``pytest tests/business --hypothesis-profile thorough`` looks forty times longer.
"""

from hypothesis import HealthCheck, settings

settings.register_profile(
    "quick", deadline=None, max_examples=50, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("thorough", settings.get_profile("quick"), max_examples=2000)
settings.load_profile("quick")
