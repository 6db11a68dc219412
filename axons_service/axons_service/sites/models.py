"""A site is one LMS installation with its signing keys: the tenant."""

from django.db import models


class Site(models.Model):
    """One LMS installation. Everything a learner makes belongs to exactly one site."""

    slug = models.SlugField(unique=True)
    name = models.CharField(max_length=200)
    callback_hosts = models.JSONField(default=list, help_text="host[:port] values that grade callbacks may go to")
    origins = models.JSONField(default=list, help_text="origins of the LMS and of Studio, for CORS")
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.slug


class SiteKey(models.Model):
    """A public key that a site signs its requests with. A static `kid` leads to the key, never the other way round."""

    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="keys")
    kid = models.CharField(max_length=100)
    public_key = models.TextField(help_text="Ed25519 public key, PEM")
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["site", "kid"], name="site_key_kid_unique")]


class UsedToken(models.Model):
    """A spent `jti`. One atomic insert makes a token single-use; the row is kept until exp + leeway."""

    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="+")
    jti = models.CharField(max_length=64)
    expires_at = models.DateTimeField(db_index=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["site", "jti"], name="used_token_jti_unique")]
