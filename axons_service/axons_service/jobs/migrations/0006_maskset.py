"""What a prediction says beside the probabilities of classes: the shares and colours of a mask."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("axons_jobs", "0005_progress"),
    ]

    operations = [
        migrations.AddField(
            model_name="prediction",
            name="data",
            field=models.JSONField(
                default=dict, help_text="of a mask: {classes: [{label, share}], colours: {label: #rrggbb}}"
            ),
        ),
        migrations.AlterField(
            model_name="prediction",
            name="probabilities",
            field=models.JSONField(help_text="[{label, probability}], most probable first; empty for a mask"),
        ),
    ]
