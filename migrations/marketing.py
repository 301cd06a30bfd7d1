"""The statements that move the marketing columns out of users, and back: of revisions 0006 and 0013, and the finish."""

COLUMNS = {
    "marketing_opt_in": "boolean DEFAULT true",
    "countdown_t14_sent_at": "timestamp",
    "countdown_t7_sent_at": "timestamp",
    "countdown_t1_sent_at": "timestamp",
}

#: Inserts one row per user; existing rows stay unchanged. Expects the session in UTC.
COPY = """INSERT INTO marketing_campaigns (id, user_id, marketing_opt_in, countdown_t14_sent_at, countdown_t7_sent_at,
        countdown_t1_sent_at, created_at)
    SELECT gen_random_uuid(), id, marketing_opt_in, countdown_t14_sent_at AT TIME ZONE 'UTC',
        countdown_t7_sent_at AT TIME ZONE 'UTC', countdown_t1_sent_at AT TIME ZONE 'UTC',
        coalesce(created_at AT TIME ZONE 'UTC', now())
    FROM users ON CONFLICT (user_id) DO NOTHING"""

PUT_BACK = """UPDATE users SET marketing_opt_in = m.marketing_opt_in,
        countdown_t14_sent_at = m.countdown_t14_sent_at AT TIME ZONE 'UTC',
        countdown_t7_sent_at = m.countdown_t7_sent_at AT TIME ZONE 'UTC',
        countdown_t1_sent_at = m.countdown_t1_sent_at AT TIME ZONE 'UTC'
    FROM marketing_campaigns m WHERE m.user_id = users.id"""

#: Only updates: new code inserts a new user's row itself, and the finish inserts it for users added by old code.
FOLLOW = """CREATE OR REPLACE FUNCTION users_marketing_in_step() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        UPDATE marketing_campaigns SET marketing_opt_in = NEW.marketing_opt_in,
            countdown_t14_sent_at = NEW.countdown_t14_sent_at AT TIME ZONE 'UTC',
            countdown_t7_sent_at = NEW.countdown_t7_sent_at AT TIME ZONE 'UTC',
            countdown_t1_sent_at = NEW.countdown_t1_sent_at AT TIME ZONE 'UTC'
        WHERE user_id = NEW.id;
        RETURN NEW;
    END $$"""

TRIGGER = """CREATE OR REPLACE TRIGGER users_marketing_in_step AFTER UPDATE OF marketing_opt_in, countdown_t14_sent_at,
        countdown_t7_sent_at, countdown_t1_sent_at ON users
    FOR EACH ROW EXECUTE FUNCTION users_marketing_in_step()"""
