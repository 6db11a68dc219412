"""Zips whose pictures are to be predicted."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("axons_training_sets", "0005_maskset"),
    ]

    operations = [
        migrations.AlterField(
            model_name="upload",
            name="purpose",
            field=models.CharField(
                choices=[
                    ("training_set", "Training Set"),
                    ("prediction", "Prediction"),
                    ("archive", "Archive"),
                    ("prediction_archive", "Prediction Archive"),
                ],
                max_length=20,
            ),
        ),
    ]
