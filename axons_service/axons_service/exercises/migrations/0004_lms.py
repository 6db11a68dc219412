from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("axons_exercises", "0003_lms"),
    ]

    operations = [
        migrations.AddField(
            model_name="project",
            name="results_from",
            field=models.DateTimeField(
                blank=True,
                help_text="from when on the learner sees scores, by the LMS; empty for always, the year 9999 for never",
                null=True,
            ),
        ),
    ]
