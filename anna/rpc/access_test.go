package rpc

import (
	"os/exec"
	"syscall"
	"testing"

	"github.com/jjgarcianorway/anna-assistant/anna/annatest"
)

// TestAccess calls a control method as different users: the kernel's word at
// accept decides.
func TestAccess(t *testing.T) {
	annatest.Require(t, annatest.Root)
	const group, own = 60123, 60999
	h := start(t, func(s *Server) {
		s.OwnUID = own
		s.ControlGID = func() (int, bool) { return group, true }
	})
	many := make([]uint32, 200) // more than one guess of SO_PEERGROUPS holds
	for i := range many {
		many[i] = uint32(70000 + i)
	}
	refusal := "NotAuthorized 77 Only root and members of [access] control_group may do this. Use sudo"
	for name, test := range map[string]struct {
		cred syscall.Credential
		want string
	}{
		"root":                      {syscall.Credential{}, "ok 0 -"},
		"the daemon's user":         {syscall.Credential{Uid: own, Gid: own}, "ok 0 -"},
		"a user":                    {syscall.Credential{Uid: 65534, Gid: 65534}, refusal},
		"a user of other groups":    {syscall.Credential{Uid: 65534, Gid: 65534, Groups: many}, refusal},
		"a member":                  {syscall.Credential{Uid: 65534, Gid: 65534, Groups: []uint32{5, group}}, "ok 0 -"},
		"a member of many groups":   {syscall.Credential{Uid: 65534, Gid: 65534, Groups: append(many, group)}, "ok 0 -"},
		"one with it as main group": {syscall.Credential{Uid: 65534, Gid: group}, "ok 0 -"},
	} {
		t.Run(name, func(t *testing.T) {
			p := child(t, "call", 0, map[string]string{"SOCKET": h.socket, "METHOD": "control"}, func(c *exec.Cmd) {
				c.SysProcAttr = &syscall.SysProcAttr{Credential: &test.cred}
				c.Dir = "/"
			})
			if got := p.line(t); got != test.want {
				t.Errorf("%q, not %q", got, test.want)
			}
		})
	}
}

// TestControlWithoutGroup is a server without a control group.
func TestControlWithoutGroup(t *testing.T) {
	s := NewServer(nil, 7, methods(nil)...)
	control := s.methods["control"]
	for who, want := range map[*Peer]bool{
		{PID: 1, UID: 0}: true, {PID: 1, UID: 7}: true, {PID: 1, UID: 8, GID: 0, Groups: []int{0}}: false,
	} {
		if got := s.allowed(*who, control); got != want {
			t.Errorf("%+v: %v", *who, got)
		}
	}
}
