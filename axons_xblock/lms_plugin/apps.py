"""The entry points `lms.djangoapp` and `cms.djangoapp`: settings, and which signals of the platform are listened to.

The keys are those of `edx_django_utils.plugins.constants`, written out: that package is the platform's, not ours.
"""

from typing import Any, ClassVar

from django.apps import AppConfig

# `production` and `devstack` come after the site's own YAML, `common` before it.
SETTINGS = {kind: {"relative_path": "settings"} for kind in ("production", "devstack")}


class AxonsLmsConfig(AppConfig):
    """The LMS's: settings, and the erasure of retired learners at the training service."""

    name = "axons_xblock.lms_plugin"
    label = "axons_lms"
    verbose_name = "Axons"
    plugin_app: ClassVar[dict[str, Any]] = {
        "settings_config": {"lms.djangoapp": SETTINGS},
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
        },
    }


class AxonsCmsConfig(AppConfig):
    """Studio's: settings alone. The LMS retires authors too."""

    name = "axons_xblock.lms_plugin"
    label = "axons_cms"
    verbose_name = "Axons"
    plugin_app: ClassVar[dict[str, Any]] = {"settings_config": {"cms.djangoapp": SETTINGS}}
