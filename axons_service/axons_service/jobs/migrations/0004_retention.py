"""The trash, and what jobs and models fill in the store."""

import django.db.models.deletion
from django.db import migrations, models


def stored_bytes_fill(apps, schema_editor):
    """Count what is there already, from the files that the rows list."""
    for name, owner in (("Model", "pk"), ("Prediction", "job_id")):
        target = apps.get_model("axons_jobs", "Model" if name == "Model" else "Job")
        for row in apps.get_model("axons_jobs", name).objects.only("pk", "files").iterator():
            total = sum(file.get("bytes", 0) for file in row.files)
            target.objects.filter(pk=getattr(row, owner)).update(stored_bytes=total)


def trashable(model):
    fields = {
        "kept_at": models.DateTimeField(blank=True, help_text="when it last came out of the trash", null=True),
        "purged_at": models.DateTimeField(blank=True, help_text="when its objects were given up for good", null=True),
        "stored_bytes": models.PositiveBigIntegerField(default=0, help_text="what it fills in the store, for quotas"),
        "trash": models.ForeignKey(
            blank=True,
            help_text="set while it is in the trash, and after",
            null=True,
            on_delete=django.db.models.deletion.SET_NULL,
            related_name="+",
            to="axons_storage.trash",
        ),
    }
    return [migrations.AddField(model_name=model, name=name, field=field) for name, field in fields.items()]


class Migration(migrations.Migration):
    dependencies = [("axons_jobs", "0003_scheduling"), ("axons_storage", "0001_retention")]

    operations = [
        *trashable("job"),
        *trashable("model"),
        migrations.AddIndex(
            model_name="checkpoint", index=models.Index(fields=["created_at"], name="checkpoint_by_age")
        ),
        migrations.RunPython(stored_bytes_fill, migrations.RunPython.noop),
    ]
