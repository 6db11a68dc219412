"""Sets of pictures with masks."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("axons_training_sets", "0004_uploads"),
    ]

    operations = [
        migrations.AddField(
            model_name="trainingset",
            name="task",
            field=models.CharField(
                choices=[("classification", "Classification"), ("segmentation", "Segmentation")],
                default="classification",
                max_length=20,
            ),
        ),
    ]
