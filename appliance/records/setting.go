package records

// Setting is a value the box itself keeps, such as the day of its last report;
// ok is false when it was never set. What the school decides is in the
// configuration, not here (but for how long the query log is kept: QueryLimits).
func (db *DB) Setting(key string) (value string, ok bool, err error) {
	value, ok, err = one(db.file, func(s scanner) (v string, err error) { return v, s.Scan(&v) },
		`SELECT value FROM settings WHERE key = ?`, key)
	return value, ok, reading("the settings", err)
}

// SetSetting stores a value of at most 64 KiB.
func (db *DB) SetSetting(key, value string) error {
	if len(key) > 200 || len(value) > 64<<10 {
		return errSettingTooLarge
	}
	return db.write(protecting, "storing a setting", func(t *tx) error {
		_, err := t.exec(setSetting, key, value)
		return err
	})
}

const setSetting = `INSERT INTO settings (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value`
