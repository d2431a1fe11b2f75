package config_test

import (
	"bytes"
	"testing"

	"github.com/jjgarcianorway/anna-assistant/anna/config"
)

// TestArchive holds that what is kept comes back byte for byte, and small.
func TestArchive(t *testing.T) {
	policies := []config.File{{Path: "/p/a.toml", Data: bytes.Repeat([]byte("# a comment\n"), 80_000)}, {Path: "/p/b.toml", Data: nil}}
	for name, src := range map[string]*config.Sources{
		"a text":    config.FromBytes("/c.toml", []byte("[health]\nqueue_warn = 60\n"), policies),
		"no text":   config.FromBytes("/c.toml", []byte{0, 0xff, 0xfe, '\r', '\n'}, nil),
		"an empty":  config.FromBytes("/c.toml", nil, nil),
		"a missing": config.Read("/nowhere/config.toml"),
	} {
		data, err := src.Archive()
		if err != nil {
			t.Fatal(err)
		}
		if len(data) > 50_000 {
			t.Errorf("%s: %d bytes are kept", name, len(data))
		}
		got, err := config.Unarchive(data)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got.Digest() != src.Digest() || got.Missing != src.Missing || got.Path != src.Path || len(got.Policies) != len(src.Policies) {
			t.Errorf("%s: kept %+v", name, got)
		}
	}
}

// FuzzUnarchive holds that damage is an error and no end.
func FuzzUnarchive(f *testing.F) {
	good, err := config.FromBytes("/c.toml", []byte("[health]\nqueue_warn = 60\n"), []config.File{{Path: "/p/a.toml", Data: []byte("a = 1")}}).Archive()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add(good[:len(good)/2])
	f.Add([]byte(nil))
	f.Fuzz(func(_ *testing.T, data []byte) { config.Unarchive(data) })
}
