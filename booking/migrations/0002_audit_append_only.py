"""An audit entry, once written, cannot be changed: neither by us nor by somebody at the database's prompt."""

from django.db import migrations

ON = {
    "sqlite": """
        CREATE TRIGGER booking_auditentry_is_append_only BEFORE UPDATE ON booking_auditentry
        BEGIN SELECT RAISE(ABORT, 'audit entries are append-only'); END;
    """,
    "postgresql": """
        CREATE FUNCTION booking_auditentry_refuse() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN RAISE EXCEPTION 'audit entries are append-only'; END $$;
        CREATE TRIGGER booking_auditentry_is_append_only BEFORE UPDATE ON booking_auditentry
        FOR EACH ROW EXECUTE FUNCTION booking_auditentry_refuse();
    """,
}
OFF = {
    "sqlite": "DROP TRIGGER booking_auditentry_is_append_only",
    "postgresql": """
        DROP TRIGGER booking_auditentry_is_append_only ON booking_auditentry;
        DROP FUNCTION booking_auditentry_refuse();
    """,
}


def on(apps, schema_editor):
    schema_editor.execute(ON[schema_editor.connection.vendor])


def off(apps, schema_editor):
    schema_editor.execute(OFF[schema_editor.connection.vendor])


class Migration(migrations.Migration):
    dependencies = [("booking", "0001_initial")]
    operations = [migrations.RunPython(on, off)]
