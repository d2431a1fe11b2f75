package telemetry

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// applicationID marks the file as ours in its header ("anna"); see PRAGMA
// application_id.
const applicationID = 0x616e6e61

// migrations bring a database from version i to i+1. They only ever grow: a
// released one is never changed. Samples lie in order of time, not of series: a
// commit then appends to a few pages instead of touching two for each series.
var migrations = []string{
	`CREATE TABLE meta (key TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
	CREATE TABLE series (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
	CREATE TABLE samples (
		resolution INTEGER NOT NULL, time INTEGER NOT NULL, series INTEGER NOT NULL,
		min REAL NOT NULL, avg REAL NOT NULL, max REAL NOT NULL, last REAL NOT NULL, count INTEGER NOT NULL,
		PRIMARY KEY (resolution, time, series)) WITHOUT ROWID;
	CREATE TABLE events (
		seq INTEGER PRIMARY KEY, time INTEGER NOT NULL, domain TEXT NOT NULL, data TEXT NOT NULL);
	CREATE INDEX events_time ON events (time);
	CREATE INDEX events_domain ON events (domain, time);
	CREATE TABLE findings (
		id TEXT NOT NULL, raised INTEGER NOT NULL, level TEXT NOT NULL, cleared INTEGER, evidence TEXT NOT NULL,
		PRIMARY KEY (id, raised)) WITHOUT ROWID;
	CREATE TABLE generations (
		id INTEGER PRIMARY KEY, time INTEGER NOT NULL, generation INTEGER NOT NULL, origin TEXT NOT NULL,
		digest TEXT NOT NULL, outcome TEXT NOT NULL, data TEXT NOT NULL, content BLOB);
	CREATE TABLE state (key TEXT PRIMARY KEY, value BLOB NOT NULL, changed INTEGER NOT NULL);`,

	`CREATE TABLE operations (
		kind TEXT NOT NULL, filesystem TEXT NOT NULL, started INTEGER NOT NULL, ended INTEGER,
		outcome TEXT NOT NULL, data TEXT NOT NULL, PRIMARY KEY (kind, filesystem, started)) WITHOUT ROWID;
	CREATE TABLE acks (id TEXT PRIMARY KEY, time INTEGER NOT NULL, who TEXT NOT NULL, note TEXT NOT NULL);`,

	`ALTER TABLE acks ADD COLUMN until INTEGER NOT NULL DEFAULT 0;
	ALTER TABLE acks ADD COLUMN level TEXT NOT NULL DEFAULT '';`,
}

var (
	errNewer   = errors.New("it was written by a newer anna")
	errForeign = errors.New("it is another program's database")
)

// migrate brings the schema to the newest version, each step in a transaction
// of its own, and refuses what is not ours to change.
func migrate(ctx context.Context, db *sql.DB, steps []string) error {
	var version, app, tables int
	for query, into := range map[string]*int{
		"PRAGMA user_version": &version, "PRAGMA application_id": &app,
		"SELECT count(*) FROM sqlite_schema": &tables,
	} {
		if err := db.QueryRowContext(ctx, query).Scan(into); err != nil {
			return err
		}
	}
	switch {
	case app != applicationID && (app != 0 || tables != 0):
		return errForeign
	case version > len(steps):
		return fmt.Errorf("%w: schema version %d, known are up to %d", errNewer, version, len(steps))
	}
	for i := max(version, 0); i < len(steps); i++ {
		if err := migrateStep(ctx, db, i, steps[i]); err != nil {
			return fmt.Errorf("cannot migrate to schema version %d: %w", i+1, err)
		}
	}
	return nil
}

func migrateStep(ctx context.Context, db *sql.DB, from int, step string) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	marks := fmt.Sprintf("PRAGMA application_id = %d; PRAGMA user_version = %d;", applicationID, from+1)
	if _, err := tx.ExecContext(ctx, step+marks); err != nil {
		return err
	}
	return tx.Commit()
}
