package anna

import (
	"slices"
	"testing"
)

func TestRoleOf(t *testing.T) {
	tests := []struct {
		why     string
		args    []string
		role    Role
		program string
		words   []string
	}{
		{"the daemon's name", []string{"annad"}, Daemon, "annad", nil},
		{"as systemd starts it", []string{"/usr/bin/annad"}, Daemon, "annad", nil},
		{"the daemon with flags", []string{"annad", "--version"}, Daemon, "annad", []string{"--version"}},
		{"a login shell's dash", []string{"-annad"}, Daemon, "annad", nil},
		{"the first word", []string{"anna", "daemon", "--socket", "x"}, Daemon, "anna daemon", []string{"--socket", "x"}},
		{"go run . daemon", []string{"/tmp/go-build1/b001/exe/anna-assistant", "daemon"}, Daemon, "anna-assistant daemon", nil},
		{"the client's name starts none", []string{"annactl", "daemon"}, Client, "annactl", []string{"daemon"}},
		{"nor with a full path", []string{"/usr/bin/annactl", "daemon"}, Client, "annactl", []string{"daemon"}},
		{"a versioned name is no daemon", []string{"annad-0.12.7"}, Client, "annad-0.12.7", nil},
		{"but can start one", []string{"annad-0.12.7", "daemon"}, Daemon, "annad-0.12.7 daemon", nil},
		{"daemon only as the first word", []string{"anna", "health", "daemon"}, Client, "anna", []string{"health", "daemon"}},
		{"the plain client", []string{"anna", "health"}, Client, "anna", []string{"health"}},
		{"no argv at all", nil, Client, "anna", nil},
		{"an empty name", []string{""}, Client, "anna", nil},
		{"a directory's name", []string{"/"}, Client, "anna", nil},
		{"a name with spaces", []string{"/opt/my tools/annad"}, Daemon, "annad", nil},
		{"another case is another name", []string{"ANNAD"}, Client, "ANNAD", nil},
	}
	for _, tt := range tests {
		role, program, words := RoleOf(tt.args)
		if role != tt.role || program != tt.program || !slices.Equal(words, tt.words) {
			t.Errorf("%s: RoleOf(%q) = %v %q %q, want %v %q %q", tt.why, tt.args, role, program, words, tt.role, tt.program, tt.words)
		}
	}
}
