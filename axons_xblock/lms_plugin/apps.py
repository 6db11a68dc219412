"""The entry point `lms.djangoapp`: which signals of the platform are listened to.

The keys are those of `edx_django_utils.plugins.constants`, written out: that package is the platform's, not ours.
"""

from typing import Any, ClassVar

from django.apps import AppConfig


class AxonsLmsConfig(AppConfig):
    """The plugin that erases retired learners at the training service."""

    name = "axons_xblock.lms_plugin"
    label = "axons_lms"
    verbose_name = "Axons"
    plugin_app: ClassVar[dict[str, Any]] = {
        "signals_config": {
            "lms.djangoapp": {
                "relative_path": "retirement",
                "receivers": [
                    {
                        "receiver_func_name": "learner_retired",
                        "signal_path": "openedx.core.djangoapps.user_api.accounts.signals.USER_RETIRE_LMS_CRITICAL",
                        "dispatch_uid": "axons_xblock.lms_plugin.retirement.learner_retired",
                    }
                ],
            }
        }
    }
