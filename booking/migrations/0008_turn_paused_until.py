from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("booking", "0007_connection_of_booking"),
    ]

    operations = [
        migrations.AddField(
            model_name="turn",
            name="paused_until",
            field=models.DateTimeField(null=True),
        ),
    ]
