import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('booking', '0004_practice_changed_at'),
    ]

    operations = [
        migrations.CreateModel(
            name='Report',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('day', models.DateField(verbose_name='day')),
                ('found', models.JSONField(default=dict, verbose_name='found')),
                ('sent_at', models.DateTimeField(null=True, verbose_name='sent')),
            ],
            options={
                'verbose_name': 'nightly report',
                'verbose_name_plural': 'nightly reports',
                'ordering': ['-day'],
            },
        ),
        migrations.RemoveConstraint(
            model_name='letter',
            name='letter_goes_out_once',
        ),
        migrations.AddField(
            model_name='booking',
            name='compare_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='booking',
            name='missing_since',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='booking',
            name='renewals',
            field=models.PositiveSmallIntegerField(default=0),
        ),
        migrations.AddField(
            model_name='booking',
            name='sent_before',
            field=models.BooleanField(default=False),
        ),
        migrations.AddField(
            model_name='booking',
            name='sequence',
            field=models.PositiveSmallIntegerField(default=0),
        ),
        migrations.AddField(
            model_name='letter',
            name='about',
            field=models.CharField(blank=True, max_length=40),
        ),
        migrations.AddField(
            model_name='practice',
            name='colour',
            field=models.CharField(blank=True, max_length=7, verbose_name='colour'),
        ),
        migrations.AddField(
            model_name='practice',
            name='directions_url',
            field=models.URLField(blank=True, verbose_name='directions'),
        ),
        migrations.AddField(
            model_name='practice',
            name='hours_url',
            field=models.URLField(blank=True, verbose_name='opening hours'),
        ),
        migrations.AddField(
            model_name='practice',
            name='logo',
            field=models.BinaryField(blank=True, default=b'', verbose_name='logo'),
        ),
        migrations.AddField(
            model_name='practice',
            name='online',
            field=models.CharField(choices=[('open', 'open'), ('not_yet', 'not open yet'), ('paused', 'paused')], default='open', max_length=10, verbose_name='online booking'),
        ),
        migrations.AddField(
            model_name='practice',
            name='rules',
            field=models.JSONField(blank=True, default=dict, verbose_name='rules'),
        ),
        migrations.AddField(
            model_name='practice',
            name='visited_at',
            field=models.DateTimeField(editable=False, null=True),
        ),
        migrations.AddField(
            model_name='snapshot',
            name='about',
            field=models.JSONField(default=dict),
        ),
        migrations.AddField(
            model_name='snapshot',
            name='asked_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='snapshot',
            name='whole_read_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddIndex(
            model_name='booking',
            index=models.Index(fields=['state', 'compare_at'], name='booking_due_comparisons'),
        ),
        migrations.AddConstraint(
            model_name='letter',
            constraint=models.UniqueConstraint(fields=('booking', 'kind', 'about'), name='letter_goes_out_once'),
        ),
        migrations.AddField(
            model_name='report',
            name='practice',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='reports', to='booking.practice', verbose_name='practice'),
        ),
        migrations.AddConstraint(
            model_name='report',
            constraint=models.UniqueConstraint(fields=('practice', 'day'), name='report_is_written_once'),
        ),
    ]
