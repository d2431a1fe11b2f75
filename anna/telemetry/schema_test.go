package telemetry

import (
	"database/sql"
	"path/filepath"
	"testing"
	"time"
)

// A database of every older version opens, keeps its rows, and is of the newest
// version then.
func TestMigrationFromEveryVersion(t *testing.T) {
	for version := 1; version <= len(migrations); version++ {
		dir := t.TempDir()
		db, err := sql.Open("sqlite", dsn(filepath.Join(dir, fileName)))
		if err != nil {
			t.Fatal(err)
		}
		if err := migrate(t.Context(), db, migrations[:version]); err != nil {
			t.Fatalf("version %d: %v", version, err)
		}
		for _, q := range []string{
			`INSERT INTO events VALUES (7, 1700000000000000, 'kernel', '{"a":1}')`,
			`INSERT INTO series VALUES (3, 'load1')`,
			`INSERT INTO samples VALUES (10, 1700000000, 3, 1, 2, 3, 2, 10)`,
			`INSERT INTO state VALUES ('mounts', x'0102', 0)`,
			`INSERT INTO findings VALUES ('memory', 1700000000000000, 'warning', NULL, '{}')`,
			`INSERT INTO generations VALUES (1, 1700000000000000, 4, 'start', 'd', 'applied', '{}', NULL)`,
		} {
			if _, err := db.Exec(q); err != nil {
				t.Fatalf("version %d: %s: %v", version, q, err)
			}
		}
		db.Close()
		s := open(t, dir, Options{Now: then})
		healthy(t, s)
		var got, auto int
		if err := s.db.w.QueryRow("PRAGMA user_version").Scan(&got); err != nil || got != len(migrations) {
			t.Errorf("from version %d: now %d, %v", version, got, err)
		}
		if err := s.db.w.QueryRow("PRAGMA application_id").Scan(&auto); err != nil || auto != applicationID {
			t.Errorf("application id %x, %v", auto, err)
		}
		if list, err := s.Events(t.Context(), EventQuery{}); err != nil || len(list) != 1 || list[0].Seq != 7 {
			t.Errorf("events %+v, %v", list, err)
		}
		list, err := s.Series(t.Context(), "load1", time.Unix(1_699_999_000, 0), then().Add(time.Hour), TenMinutes)
		if err != nil || len(list) != 1 || list[0].Count != 10 {
			t.Errorf("samples %+v, %v", list, err)
		}
		if v, ok, err := s.State(t.Context(), "mounts"); !ok || string(v) != "\x01\x02" || err != nil {
			t.Errorf("state %v, %v", v, err)
		}
		s.SaveOperation(Operation{Kind: Scrub, Filesystem: "u", Started: then()})
		ack := Ack{ID: "memory", Time: then(), Until: then().Add(time.Hour), Level: "warning"}
		s.SaveAck(ack)
		flush(t, s)
		if list, err := s.Acks(t.Context()); err != nil || len(list) != 1 || !list[0].Until.Equal(ack.Until) || list[0].Level != "warning" {
			t.Errorf("acknowledgements %+v, %v", list, err)
		}
	}
}

// A step that fails leaves the database as it was.
func TestFailedMigrationChangesNothing(t *testing.T) {
	db, err := sql.Open("sqlite", dsn(filepath.Join(t.TempDir(), fileName)))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	steps := append(migrations[:1:1], "CREATE TABLE half (a); CREATE TABLE series (again);")
	if err := migrate(t.Context(), db, steps); err == nil {
		t.Fatal("the step did not fail")
	}
	var version, half int
	if err := db.QueryRow("PRAGMA user_version").Scan(&version); err != nil {
		t.Fatal(err)
	}
	if err := db.QueryRow("SELECT count(*) FROM sqlite_schema WHERE name = 'half'").Scan(&half); err != nil {
		t.Fatal(err)
	}
	if version != 1 || half != 0 {
		t.Errorf("version %d, half a table: %d", version, half)
	}
}

func TestFreshDatabaseGivesPagesBack(t *testing.T) {
	s := open(t, t.TempDir(), Options{})
	for query, want := range map[string]string{
		"PRAGMA auto_vacuum": "2", "PRAGMA journal_mode": "wal", "PRAGMA synchronous": "1",
		"PRAGMA page_size": "4096", "PRAGMA cache_size": "-512", "PRAGMA max_page_count": "16384",
	} {
		var got string
		if err := s.db.w.QueryRow(query).Scan(&got); err != nil || got != want {
			t.Errorf("%s is %s, want %s (%v)", query, got, want, err)
		}
	}
}
