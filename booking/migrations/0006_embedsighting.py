import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('booking', '0005_ahead'),
    ]

    operations = [
        migrations.CreateModel(
            name='EmbedSighting',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('origin', models.CharField(max_length=300)),
                ('first_seen_at', models.DateTimeField()),
                ('last_seen_at', models.DateTimeField()),
                ('practice', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='sightings', to='booking.practice')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('practice', 'origin'), name='sighting_is_kept_once')],
            },
        ),
    ]
