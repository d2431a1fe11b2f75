// Package annatest holds what anna's tests share: the gate that decides whether
// a machine can run a test (Require), the real executable (Build), a daemon on a
// private socket (Daemon), scripts of commands (Script), golden files and
// screens, loop devices with Btrfs on them, and machines with a real systemd
// (Lab).
//
//	func TestBtrfs(t *testing.T) {
//		annatest.Require(t, annatest.Btrfs) // else: skipped, with what to do
//		disk := annatest.NewDisk(t, []int64{256 << 20})
//		...
//	}
//
// Nothing but tests imports it; a test of the import directions holds that. What
// is made here goes when the test ends.
package annatest
