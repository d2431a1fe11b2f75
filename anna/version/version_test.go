package version

import "testing"

// TestString holds how a build is named, with what it knows of itself.
func TestString(t *testing.T) {
	for want, i := range map[string]Info{
		"1.2":                            {Version: "1.2"},
		"1.2 (0123456789ab)":             {Version: "1.2", Commit: "0123456789ab"},
		"1.2 (0123456789ab, 2026-11-23)": {Version: "1.2", Commit: "0123456789ab", Date: "2026-11-23T10:11:12+01:00"},
	} {
		if got := i.String(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// TestGet holds that what the linker names goes before what the Go tool recorded,
// and that a commit is shortened.
func TestGet(t *testing.T) {
	defer func(c, d string) { commit, date = c, d }(commit, date)
	commit, date = "0123456789abcdef0123456789abcdef01234567", "2026-11-23T10:11:12Z"
	if i := Get(); i.Version != Number || i.Commit != "0123456789ab" || i.Date != date || i.Go == "" {
		t.Errorf("%+v", i)
	}
}
