"""Uploads that can be declared, asked about and thrown away again and again."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("axons_exercises", "0001_initial"),
        ("axons_training_sets", "0003_sets"),
    ]

    operations = [
        migrations.AddField(
            model_name="upload",
            name="client_id",
            field=models.CharField(
                blank=True, default="", help_text="made by the browser, for repeated requests", max_length=64
            ),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="upload",
            name="sha256",
            field=models.CharField(
                blank=True, default="", help_text="as the browser computed it; empty when it could not", max_length=64
            ),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="upload",
            name="label",
            field=models.CharField(
                blank=True, default="", help_text="the class it is meant for, kept for a reload", max_length=200
            ),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="upload",
            name="arrived_at",
            field=models.DateTimeField(blank=True, help_text="when the store was seen to have it in full", null=True),
        ),
        migrations.AddField(
            model_name="upload",
            name="taken_by",
            field=models.ForeignKey(
                blank=True,
                help_text="the training set that was asked for with it",
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="uploads",
                to="axons_training_sets.trainingset",
            ),
        ),
        migrations.AddIndex(
            model_name="upload",
            index=models.Index(fields=["project", "sha256"], name="upload_project_sha256_idx"),
        ),
        migrations.AddConstraint(
            model_name="upload",
            constraint=models.UniqueConstraint(
                condition=models.Q(("client_id", ""), _negated=True),
                fields=("project", "client_id"),
                name="upload_client_id_unique",
            ),
        ),
    ]
