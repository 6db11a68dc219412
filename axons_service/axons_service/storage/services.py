"""Preparing and checking the object store."""

from botocore.exceptions import ClientError

from axons_service.sites.models import Site
from axons_service.storage import objects
from axons_service.storage.settling import once_known


def storage_prepare(*, origins: list[str]) -> bool:
    """Make the bucket when it is absent and put its CORS rules; whether it was made now. Idempotent.

    Browsers of these origins and of every registered site may GET and PUT with presigned URLs.
    """
    created = False
    if not objects.bucket_answers():
        try:
            objects.client().create_bucket(Bucket=objects.bucket())
            created = True
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") not in ("BucketAlreadyOwnedByYou", "BucketAlreadyExists"):
                raise
    known = Site.objects.filter(is_active=True).values_list("origins", flat=True)
    allowed = sorted({*origins, *(origin for site_origins in known for origin in site_origins)})
    if allowed:
        rule = {
            "AllowedOrigins": allowed,
            "AllowedMethods": ["GET", "HEAD", "PUT"],
            "AllowedHeaders": ["content-type"],
            "ExposeHeaders": ["ETag"],
            "MaxAgeSeconds": 3600,
        }
        rules = {"CORSRules": [rule]}
        once_known(lambda: objects.client().put_bucket_cors(Bucket=objects.bucket(), CORSConfiguration=rules))
    return created
