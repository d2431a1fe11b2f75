package config

import (
	"testing"
	"time"
)

func TestDuration(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"0": -1, "0s": 0, "300ms": 300 * time.Millisecond, "5m": 5 * time.Minute, "30d": 720 * time.Hour, "1d12h": 36 * time.Hour, "1.5d": 36 * time.Hour,
		"1h0m5s": time.Hour + 5*time.Second, "": -1, "d": -1, "1d-1h": -1, "-1d": -1, "+1d": -1, "106751d": 106751 * 24 * time.Hour, "106752d": -1, "1d1": -1, "5 s": -1, "١s": -1, "2562047h48m": -1,
	} {
		got, err := ParseDuration(text)
		if (err != nil) != (want < 0) || err == nil && got != want {
			t.Errorf("ParseDuration(%q) = %v, %v, want %v", text, got, err, want)
		}
		if err == nil {
			if again, err := ParseDuration(formatDuration(got)); err != nil || again != got {
				t.Errorf("%q is written as %q, which reads %v, %v", text, formatDuration(got), again, err)
			}
		}
	}
	for d, want := range map[time.Duration]string{5 * time.Minute: "5m", 2 * time.Hour: "2h", 720 * time.Hour: "30d", 36 * time.Hour: "1d12h", 90 * time.Second: "1m30s", 10 * time.Minute: "10m", 0: "0s", 1500 * time.Microsecond: "1.5ms", 20 * time.Hour: "20h"} {
		if got := formatDuration(d); got != want {
			t.Errorf("formatDuration(%d) = %s, want %s", d, got, want)
		}
	}
}

func TestSize(t *testing.T) {
	for text, want := range map[string]Size{
		"70M": 70 << 20, "70MB": 70 << 20, "70MiB": 70 << 20, "70 mb": 70 << 20, "1GiB": 1 << 30, "1.5g": 3 << 29, "2T": 2 << 40, "512B": 512, "4k": 4096, "0": 0,
		"": -1, "M": -1, "1": -1, "-1M": -1, "1MM": -1, "1 M B": -1, "9999999TB": -1, "0x1M": -1, "1e3M": -1, "..M": -1, "NaNM": -1,
	} {
		got, err := ParseSize(text)
		if (err != nil) != (want < 0) || err == nil && got != want {
			t.Errorf("ParseSize(%q) = %v, %v, want %v", text, got, err, want)
		}
	}
	for s, want := range map[Size]string{0: "0B", 512: "512B", 70 << 20: "70MB", 1 << 30: "1GB", 3 << 29: "1536MB", 2 << 40: "2TB"} {
		if got := s.String(); got != want {
			t.Errorf("%d is written %s, want %s", int64(s), got, want)
		}
	}
}

func TestLimit(t *testing.T) {
	percent, err := parseLimit("87.5%")
	if err != nil {
		t.Fatal(err)
	}
	if got, known := percent.Of(80*MB, true); !known || got != 70*MB {
		t.Errorf("87.5%% of 80MB = %v, %v", got, known)
	}
	for _, ok := range []bool{false, true} {
		if got, known := percent.Of(0, ok); known {
			t.Errorf("87.5%% of nothing = %v", got)
		}
	}
	size, err := parseLimit("70MB")
	if err != nil {
		t.Fatal(err)
	}
	if got, known := size.Of(0, false); !known || got != 70*MB {
		t.Errorf("70MB without a limit = %v, %v", got, known)
	}
}

func FuzzUnits(f *testing.F) {
	for _, s := range []string{"1d12h", "300ms", "70MB", "1.5 GiB", "85%", "0", "999999999999d", "1e9s", "%", "..", "-1s"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if d, err := ParseDuration(s); err == nil {
			if again, err := ParseDuration(formatDuration(d)); d < 0 || err != nil || again != d {
				t.Errorf("duration %q: %v, written %q, read %v, %v", s, int64(d), formatDuration(d), int64(again), err)
			}
		}
		if l, err := parseLimit(s); err == nil {
			if again, err := parseLimit(l.String()); l.Size < 0 || l.Percent < 0 || l.Percent > 100 || err != nil || again != l {
				t.Errorf("limit %q: %v, read again %v, %v", s, l, again, err)
			}
		}
	})
}
