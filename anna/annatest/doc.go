// Package annatest holds what anna's tests share: the gate that decides
// whether a machine can run a test (Require), private sockets, fake roots,
// golden files, screen dumps and loop devices.
//
// Nothing but tests imports it; a test of the import directions holds that.
package annatest
