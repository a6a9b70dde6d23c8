import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('booking', '0002_audit_append_only'),
    ]

    operations = [
        migrations.CreateModel(
            name='Circuit',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('host', models.CharField(max_length=255)),
                ('failures', models.PositiveIntegerField(default=0)),
                ('probe_at', models.DateTimeField()),
                ('practice', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='circuits', to='booking.practice')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('practice', 'host'), name='circuit_is_kept_once')],
            },
        ),
        migrations.CreateModel(
            name='Letter',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(max_length=20)),
                ('sent_at', models.DateTimeField(null=True)),
                ('booking', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='letters', to='booking.booking')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('booking', 'kind'), name='letter_goes_out_once')],
            },
        ),
    ]
