from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('booking', '0003_circuit_letter'),
    ]

    operations = [
        migrations.AddField(
            model_name='practice',
            name='changed_at',
            field=models.DateTimeField(auto_now=True, verbose_name='changed'),
        ),
    ]
