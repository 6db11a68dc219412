"""Which deployment of the service a machine belongs to: two may share a project, a namespace and a pool's name."""

import secrets

from django.conf import settings

from axons_service.compute.models import Deployment

THE_ONE = 1


def deployment_label() -> str:
    """The setting AXONS_DEPLOYMENT, or what this database was given when it was first asked; the same ever after.

    A copy of a database has its original's: whoever runs both sets AXONS_DEPLOYMENT for one of them.
    """
    if settings.AXONS_DEPLOYMENT:
        return str(settings.AXONS_DEPLOYMENT)
    deployment, _ = Deployment.objects.get_or_create(pk=THE_ONE, defaults={"label": secrets.token_hex(6)})
    return deployment.label
