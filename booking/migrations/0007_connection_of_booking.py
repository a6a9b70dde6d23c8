from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('booking', '0006_embedsighting'),
    ]

    operations = [
        migrations.AddField(
            model_name='booking',
            name='compared_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='booking',
            name='made_over',
            field=models.CharField(blank=True, max_length=16),
        ),
    ]
