from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("axons_exercises", "0002_overview"),
    ]

    operations = [
        migrations.AddField(
            model_name="project",
            name="closes_at",
            field=models.DateTimeField(
                blank=True,
                help_text="when handing in ends by the LMS: due date and grace, a learner's own if any",
                null=True,
            ),
        ),
    ]
