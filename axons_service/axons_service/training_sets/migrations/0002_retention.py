"""The trash, and what training sets fill in the store."""

import django.db.models.deletion
from django.db import migrations, models


def stored_bytes_fill(apps, schema_editor):
    """Count what projects' sets have already: their own shards, and the same pictures once more as blobs."""
    rows = apps.get_model("axons_training_sets", "TrainingSet").objects.filter(project__isnull=False)
    for row in rows.only("pk", "shards").iterator():
        own = sum(shard.get("bytes", 0) for shard in row.shards if f"/training-sets/{row.pk}/" in shard.get("key", ""))
        rows.filter(pk=row.pk).update(stored_bytes=2 * own)


class Migration(migrations.Migration):
    dependencies = [("axons_training_sets", "0001_initial"), ("axons_storage", "0001_retention")]

    operations = [
        migrations.AddField(
            model_name="trainingset",
            name="kept_at",
            field=models.DateTimeField(blank=True, help_text="when it last came out of the trash", null=True),
        ),
        migrations.AddField(
            model_name="trainingset",
            name="purged_at",
            field=models.DateTimeField(blank=True, help_text="when its objects were given up for good", null=True),
        ),
        migrations.AddField(
            model_name="trainingset",
            name="stored_bytes",
            field=models.PositiveBigIntegerField(default=0, help_text="what it fills in the store, for quotas"),
        ),
        migrations.AddField(
            model_name="trainingset",
            name="trash",
            field=models.ForeignKey(
                blank=True,
                help_text="set while it is in the trash, and after",
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to="axons_storage.trash",
            ),
        ),
        migrations.RunPython(stored_bytes_fill, migrations.RunPython.noop),
    ]
