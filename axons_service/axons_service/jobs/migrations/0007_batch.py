"""Inference on many pictures, which leaves a table instead of a prediction."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("axons_jobs", "0006_maskset"),
        ("axons_training_sets", "0006_batch"),
    ]

    operations = [
        migrations.CreateModel(
            name="PredictionBatch",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "name",
                    models.CharField(blank=True, help_text="of the zip; empty for single pictures", max_length=255),
                ),
                (
                    "counts",
                    models.JSONField(
                        default=dict,
                        help_text="empty before it is over: {pictures, predicted, refused, classes: {label: count}}",
                    ),
                ),
                ("files", models.JSONField(default=list, help_text="[{name, key, sha256, bytes}]")),
                ("seconds", models.FloatField(blank=True, help_text="time on the runner, in seconds", null=True)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "job",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE, related_name="batch", to="axons_jobs.job"
                    ),
                ),
                ("pictures", models.ManyToManyField(related_name="+", to="axons_training_sets.upload")),
            ],
        ),
    ]
