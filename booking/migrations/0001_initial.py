import booking.encryption
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
    ]

    operations = [
        migrations.CreateModel(
            name='AuditEntry',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('at', models.DateTimeField(auto_now_add=True, db_index=True, verbose_name='when')),
                ('actor', models.CharField(max_length=150, verbose_name='who')),
                ('action', models.CharField(max_length=50, verbose_name='what')),
                ('outcome', models.CharField(blank=True, max_length=200, verbose_name='outcome')),
                ('practice', models.CharField(blank=True, db_index=True, max_length=50, verbose_name='practice')),
                ('reference', models.CharField(blank=True, db_index=True, max_length=10, verbose_name='reference')),
            ],
            options={
                'verbose_name': 'audit entry',
                'verbose_name_plural': 'audit entries',
                'ordering': ['-at', '-id'],
            },
        ),
        migrations.CreateModel(
            name='Booking',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('state', models.CharField(choices=[('held', 'held'), ('checking', 'being checked'), ('confirmed', 'confirmed'), ('failed', 'failed'), ('cancelled', 'cancelled'), ('released', 'given back'), ('expired', 'hold ran out')], default='held', max_length=10, verbose_name='state')),
                ('reference', models.CharField(max_length=10, unique=True, verbose_name='reference')),
                ('key', models.CharField(max_length=32, unique=True)),
                ('language', models.CharField(max_length=10, verbose_name='language')),
                ('created_at', models.DateTimeField(auto_now_add=True, verbose_name='created')),
                ('changed_at', models.DateTimeField(auto_now=True, verbose_name='changed')),
                ('choice', models.JSONField(default=dict)),
                ('service_id', models.CharField(max_length=200)),
                ('service_name', models.CharField(max_length=300, verbose_name='service')),
                ('clinic_id', models.CharField(max_length=200)),
                ('clinic_name', models.CharField(max_length=300, verbose_name='clinic')),
                ('clinic_address', models.CharField(blank=True, max_length=500)),
                ('provider_id', models.CharField(blank=True, max_length=200)),
                ('provider_name', models.CharField(blank=True, max_length=300, verbose_name='provider')),
                ('slot_id', models.TextField()),
                ('start', models.DateTimeField(verbose_name='start')),
                ('end', models.DateTimeField(verbose_name='end')),
                ('timezone', models.CharField(max_length=60)),
                ('occupies', models.JSONField(default=list)),
                ('places', models.PositiveSmallIntegerField(default=1)),
                ('referral_letter', models.BooleanField(default=False)),
                ('questions', models.JSONField(default=list)),
                ('visit', models.CharField(db_index=True, max_length=32)),
                ('held_until', models.DateTimeField(verbose_name='held until')),
                ('reservation_id', models.CharField(blank=True, max_length=200)),
                ('reserved_until', models.DateTimeField(null=True)),
                ('details', booking.encryption.EncryptedJSONField(default=dict)),
                ('refused_fields', models.JSONField(default=list)),
                ('appointment_id', models.CharField(blank=True, max_length=200, verbose_name="the vendor's number")),
                ('checking_since', models.DateTimeField(null=True, verbose_name='being checked since')),
                ('look_at', models.DateTimeField(null=True)),
                ('first_empty_look_at', models.DateTimeField(null=True)),
            ],
            options={
                'verbose_name': 'booking',
                'verbose_name_plural': 'bookings',
                'ordering': ['-created_at'],
            },
        ),
        migrations.CreateModel(
            name='Practice',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('slug', models.SlugField(unique=True, verbose_name='address')),
                ('name', models.CharField(max_length=200, verbose_name='name')),
                ('vendor', models.CharField(max_length=30, verbose_name='vendor')),
                ('timezone', models.CharField(max_length=60, verbose_name='time zone')),
                ('languages', models.JSONField(default=list, verbose_name='languages')),
                ('embed_origins', models.JSONField(blank=True, default=list, verbose_name='sites that may show the page in a frame')),
                ('phone', models.CharField(max_length=50, verbose_name='phone')),
                ('email', models.EmailField(blank=True, max_length=254, verbose_name='e-mail')),
                ('privacy_url', models.URLField(blank=True, verbose_name='privacy notice')),
                ('connection', booking.encryption.EncryptedJSONField(blank=True, default=dict, verbose_name='connection')),
                ('clinic', models.JSONField(blank=True, default=dict, verbose_name='clinic')),
                ('services', models.JSONField(blank=True, default=list, verbose_name='services')),
            ],
            options={
                'verbose_name': 'practice',
                'verbose_name_plural': 'practices',
                'ordering': ['name'],
            },
        ),
        migrations.CreateModel(
            name='BookingToken',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('digest', models.CharField(max_length=64, unique=True)),
                ('personal', models.BooleanField(default=False)),
                ('booking', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='tokens', to='booking.booking')),
            ],
        ),
        migrations.CreateModel(
            name='Turn',
            fields=[
                ('practice', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='turn', serialize=False, to='booking.practice')),
                ('free_at', models.DateTimeField()),
            ],
        ),
        migrations.AddField(
            model_name='booking',
            name='practice',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='bookings', to='booking.practice', verbose_name='practice'),
        ),
        migrations.CreateModel(
            name='Snapshot',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=1000)),
                ('value', models.TextField()),
                ('read_at', models.DateTimeField()),
                ('practice', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='snapshots', to='booking.practice')),
            ],
        ),
        migrations.CreateModel(
            name='VendorMemory',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=100)),
                ('value', booking.encryption.EncryptedJSONField()),
                ('ends_at', models.DateTimeField()),
                ('practice', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='memories', to='booking.practice')),
            ],
        ),
        migrations.AddIndex(
            model_name='booking',
            index=models.Index(fields=['practice', 'state', 'start'], name='booking_collisions'),
        ),
        migrations.AddIndex(
            model_name='booking',
            index=models.Index(fields=['state', 'look_at'], name='booking_due_looks'),
        ),
        migrations.AddIndex(
            model_name='booking',
            index=models.Index(fields=['state', 'held_until'], name='booking_due_holds'),
        ),
        migrations.AddConstraint(
            model_name='booking',
            constraint=models.CheckConstraint(condition=models.Q(('start__lt', models.F('end'))), name='booking_ends_after_it_starts'),
        ),
        migrations.AddConstraint(
            model_name='booking',
            constraint=models.CheckConstraint(condition=models.Q(('state__in', ['held', 'checking', 'confirmed', 'failed', 'cancelled', 'released', 'expired'])), name='booking_state_is_known'),
        ),
        migrations.AddConstraint(
            model_name='booking',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('state', 'confirmed'), _negated=True), models.Q(('appointment_id', ''), _negated=True), _connector='OR'), name='booking_is_confirmed_by_the_vendor'),
        ),
        migrations.AddConstraint(
            model_name='booking',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('state', 'checking'), _negated=True), ('checking_since__isnull', False), _connector='OR'), name='booking_is_checked_since_a_moment'),
        ),
        migrations.AddConstraint(
            model_name='snapshot',
            constraint=models.UniqueConstraint(fields=('practice', 'name'), name='snapshot_is_kept_once'),
        ),
        migrations.AddConstraint(
            model_name='vendormemory',
            constraint=models.UniqueConstraint(fields=('practice', 'name'), name='memory_is_kept_once'),
        ),
    ]
