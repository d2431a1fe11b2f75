package config_test

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/jjgarcianorway/anna-assistant/anna/config"
)

// in makes a configuration in a directory of its own, whose policies are
// beside it.
func in(t *testing.T, text string) (path, policies string) {
	t.Helper()
	dir := t.TempDir()
	path, policies = filepath.Join(dir, "config.toml"), filepath.Join(dir, "policies.d")
	if err := os.Mkdir(policies, 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, path, fmt.Sprintf("policies.dir = %q\n%s", policies, text))
	return path, policies
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestNotAFile puts everything but a readable file in the place of one. None
// of it may be waited for.
func TestNotAFile(t *testing.T) {
	for _, tt := range []struct {
		name string
		make func(path string) error
		want string
	}{
		{"directory", func(p string) error { return os.Mkdir(p, 0o755) }, "it is a directory, not a regular file"},
		{"FIFO", func(p string) error { return syscall.Mkfifo(p, 0o644) }, "it is a FIFO, not a regular file"},
		{"socket", func(p string) error {
			l, err := net.Listen("unix", p)
			if err == nil {
				t.Cleanup(func() { l.Close() })
			}
			return err
		}, "it is a socket, not a regular file"},
		{"device", func(p string) error { return os.Symlink("/dev/zero", p) }, "it is a device, not a regular file"},
		{"circle", func(p string) error { return os.Symlink(filepath.Base(p), p) }, "too many levels of symbolic links"},
		{"dangling", func(p string) error { return os.Symlink("gone", p) }, `it is a link to "gone", which does not exist`},
		{"1 GB", func(p string) error {
			if err := os.WriteFile(p, nil, 0o644); err != nil {
				return err
			}
			return os.Truncate(p, 1<<30)
		}, "it is larger than 1MB"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Chdir(t.TempDir()) // a socket's path has to be short
			if err := tt.make("config.toml"); err != nil {
				t.Fatal(err)
			}
			c, report := config.Load("config.toml")
			want := "cannot read the configuration: " + tt.want
			if c != nil || report.Missing || len(report.Errors()) != 1 || report.Problems[0].Message != want {
				t.Errorf("%v\n%s want %s", c, render(t, report), want)
			}

			path, policies := in(t, "")
			t.Chdir(policies)
			if err := tt.make("10-bad.toml"); err != nil {
				t.Fatal(err)
			}
			write(t, filepath.Join(policies, "20-good.toml"), "a = 1")
			sources := config.Read(path)
			c, report = config.Parse(sources, config.Options{})
			want = "cannot read the policy: " + tt.want
			if c != nil || len(report.Errors()) != 1 || report.Problems[0].Message != want || len(sources.Policies) != 1 {
				t.Errorf("as a policy: %v\n%s want %s", c, render(t, report), want)
			}
		})
	}
}

// TestUnreadable asks as a user without rights: root reads everything, so for
// the length of the test its thread has another user's eyes.
func TestUnreadable(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "config.toml")
	write(t, path, "")
	if err := os.Chmod(path, 0); err != nil {
		t.Fatal(err)
	}
	if os.Geteuid() == 0 {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		if err := unix.Setfsuid(65534); err != nil {
			t.Fatal(err)
		}
		defer func() { _ = unix.Setfsuid(0) }()
		for d := dir; d != "/tmp" && d != "/"; d = filepath.Dir(d) {
			_ = os.Chmod(d, 0o755)
		}
	}
	c, report := config.Load(path)
	if c != nil || report.Missing || len(report.Errors()) != 1 {
		t.Fatalf("%v\n%s", c, render(t, report))
	}
	p := report.Problems[0]
	if p.Message != "cannot read the configuration: permission denied" || !strings.Contains(p.Hint, "namei -l "+path) || p.Line != 0 {
		t.Errorf("%+v", p)
	}
}

func TestMissingMeansDefaults(t *testing.T) {
	c, report := config.Load(filepath.Join(t.TempDir(), "no", "config.toml"))
	if c == nil || !report.Missing || len(report.Problems) > 0 && report.Problems[0].File != config.Default().Policies().Dir {
		t.Fatalf("%v\n%s", c, render(t, report))
	}
	if d := config.Diff(config.Default(), c); len(d) > 0 && !strings.HasPrefix(d[0].Key, "policies.d/") {
		t.Errorf("not the defaults: %v", d)
	}
}

func TestLinkIsFollowed(t *testing.T) {
	path, _ := in(t, "daemon.log_level = \"debug\"")
	link := filepath.Join(t.TempDir(), "config.toml")
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	c, report := config.Load(link)
	if c == nil || c.Origin("daemon.log_level").String() != link+":2" {
		t.Fatalf("%v\n%s", c, render(t, report))
	}
}

func TestPolicies(t *testing.T) {
	path, dir := in(t, "")
	write(t, filepath.Join(dir, "20-b.toml"), "[[rule]]\nwhen = \"x\"\n[[rule]]\nwhen = \"y\"\n")
	write(t, filepath.Join(dir, "10-a.toml"), "a = 1")
	write(t, filepath.Join(dir, "30-bad.toml"), "[rule\n")
	write(t, filepath.Join(dir, "40-twice.toml"), "a = 1\na = 2\n")
	write(t, filepath.Join(dir, "50-date.toml"), "a = 2026-02-30\n")
	write(t, filepath.Join(dir, "60-nul.toml"), "a = 1\x00\n")
	write(t, filepath.Join(dir, "70-latin1.toml"), "# caf\xe9\n")
	write(t, filepath.Join(dir, "80-old.yaml"), "- when: x\n")
	for _, ignored := range []string{".90-editor.toml", "90-backup.toml~", "README", "90.toml.rpmnew"} {
		write(t, filepath.Join(dir, ignored), "[[[")
	}
	sources := config.Read(path)
	var order []string
	for _, f := range sources.Policies {
		order = append(order, filepath.Base(f.Path))
	}
	if got := strings.Join(order, " "); got != "10-a.toml 20-b.toml 30-bad.toml 40-twice.toml 50-date.toml 60-nul.toml 70-latin1.toml" {
		t.Errorf("read %s", got)
	}
	var asked []string
	_, report := config.Parse(sources, config.Options{CheckPolicies: func(files []config.File) (list []config.Problem) {
		for _, f := range files {
			asked = append(asked, filepath.Base(f.Path))
			list = append(list, config.Problem{Severity: config.Warning, File: f.Path, Line: 1, Column: 1, Message: "from the rules"})
		}
		return list
	}})
	if got := strings.Join(asked, " "); got != "10-a.toml 20-b.toml" {
		t.Errorf("rules were checked of %s", got)
	}
	var got []string
	for _, p := range report.Problems {
		got = append(got, fmt.Sprintf("%s:%d:%d %s", filepath.Base(p.File), p.Line, p.Column, p.Severity))
	}
	want := "10-a.toml:1:1 warning, 20-b.toml:1:1 warning, 30-bad.toml:1:6 error, 40-twice.toml:2:1 error, 50-date.toml:1:13 error, 60-nul.toml:1:6 error, 70-latin1.toml:1:6 error, 80-old.yaml:0:0 warning"
	if strings.Join(got, ", ") != want {
		t.Errorf("got  %s\nwant %s\n%s", strings.Join(got, ", "), want, render(t, report))
	}
}

func TestPoliciesAreBounded(t *testing.T) {
	path, dir := in(t, "")
	for i := range 256 + 5 {
		write(t, filepath.Join(dir, fmt.Sprintf("%03d.toml", i)), "")
	}
	c, report := config.Load(path)
	if c != nil || len(report.Errors()) != 1 || !strings.Contains(report.Problems[0].Message, "more than 256 policy files") {
		t.Errorf("%s", render(t, report))
	}

	path, dir = in(t, "")
	big := "#" + strings.Repeat("x", 900<<10)
	for i := range 6 {
		write(t, filepath.Join(dir, fmt.Sprintf("%d.toml", i)), big)
	}
	sources := config.Read(path)
	if _, report = config.Parse(sources, config.Options{}); len(report.Errors()) != 1 || !strings.Contains(report.Problems[0].Message, "larger than 4MB") || len(sources.Policies) != 4 {
		t.Errorf("%d read\n%s", len(sources.Policies), render(t, report))
	}
}

func TestPolicyDirectory(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "config.toml")
	write(t, path, fmt.Sprintf("[policies]\ndir = %q\n", filepath.Join(dir, "gone")))
	if c, report := config.Load(path); c == nil || len(report.Warnings()) != 1 || report.Problems[0].Line != 2 {
		t.Errorf("a missing directory:\n%s", render(t, report))
	}
	write(t, path, fmt.Sprintf("[policies]\ndir = %q\n", path))
	if c, report := config.Load(path); c != nil || report.Problems[0].Message != "cannot read the policies: not a directory" {
		t.Errorf("a file:\n%s", render(t, report))
	}
}

// TestDigest: the digest changes with every byte and name, and with nothing
// else.
func TestDigest(t *testing.T) {
	file := func(path, text string) config.File { return config.File{Path: path, Data: []byte(text)} }
	seen := map[string]string{}
	for name, s := range map[string]*config.Sources{
		"a":         config.FromBytes("config.toml", []byte("#a"), nil),
		"b":         config.FromBytes("config.toml", []byte("#b"), nil),
		"a, policy": config.FromBytes("config.toml", []byte("#a"), []config.File{file("p.toml", "")}),
		"renamed":   config.FromBytes("config.toml", []byte("#a"), []config.File{file("q.toml", "")}),
		"swapped":   config.FromBytes("config.toml", []byte("#a"), []config.File{file("q.toml", ""), file("p.toml", "")}),
	} {
		if other, twice := seen[s.Digest()]; twice {
			t.Errorf("%s and %s have one digest", name, other)
		}
		seen[s.Digest()] = name
	}
	again := config.FromBytes("config.toml", bytes.Clone([]byte("#a")), nil)
	if seen[again.Digest()] != "a" {
		t.Error("the same bytes have another digest")
	}
}

func TestSystemGroups(t *testing.T) {
	for _, tt := range []struct {
		name, nsswitch string
		want           [3]config.GroupAnswer // of anna, ann, ostree
	}{
		{"files", "passwd: files sss\ngroup:  files systemd # sss\n", [3]config.GroupAnswer{config.GroupExists, config.GroupMissing, config.GroupExists}},
		{"actions", "group: files [SUCCESS=merge] systemd\n", [3]config.GroupAnswer{config.GroupExists, config.GroupMissing, config.GroupExists}},
		{"directory", "group: files sss\n", [3]config.GroupAnswer{config.GroupExists, config.GroupUnknown, config.GroupExists}},
		{"none", "", [3]config.GroupAnswer{config.GroupExists, config.GroupMissing, config.GroupExists}},
	} {
		root := t.TempDir()
		for _, d := range []string{"etc", "usr/lib"} {
			if err := os.MkdirAll(filepath.Join(root, d), 0o755); err != nil {
				t.Fatal(err)
			}
		}
		write(t, filepath.Join(root, "etc/group"), "root:x:0:\nanna:x:985:lena,ann\n")
		write(t, filepath.Join(root, "usr/lib/group"), "ostree:x:5:\n")
		if tt.nsswitch != "" {
			write(t, filepath.Join(root, "etc/nsswitch.conf"), tt.nsswitch)
		}
		groups := config.SystemGroups(root)
		if got := [3]config.GroupAnswer{groups("anna"), groups("ann"), groups("ostree")}; got != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}
