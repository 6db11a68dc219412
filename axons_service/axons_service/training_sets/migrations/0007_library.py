"""Library sets of a course: whose they are, who published them, and what they show.

The database knows the defaults: the version that serves while this one is rolled out makes sets too.
"""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("axons_training_sets", "0006_batch"),
    ]

    operations = [
        migrations.AddField(
            model_name="trainingset",
            name="course_key",
            field=models.CharField(
                blank=True,
                db_default="",
                default="",
                help_text="the course whose library set it is; empty for one of the whole site",
                max_length=255,
            ),
        ),
        migrations.AddField(
            model_name="trainingset",
            name="description",
            field=models.TextField(
                blank=True,
                db_default="",
                default="",
                help_text="of a library set: what it shows, in its author's words",
            ),
        ),
        migrations.AddField(
            model_name="trainingset",
            name="published_by",
            field=models.CharField(
                blank=True,
                db_default="",
                default="",
                help_text="anonymous id of the author who published it",
                max_length=128,
            ),
        ),
        migrations.AddIndex(
            model_name="trainingset",
            index=models.Index(
                condition=models.Q(("project__isnull", True)),
                fields=["site", "course_key"],
                name="library_set_course_idx",
            ),
        ),
    ]
