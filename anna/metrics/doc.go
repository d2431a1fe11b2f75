// Package metrics measures: how long requests take (Window, Latency), what
// this process and its cgroup use (Process, Cgroup, MemoryOf), and how the
// machine does (Machine).
//
// Every reading is a Figure: a value, or unknown with the reason. Nothing here
// guesses, logs, starts a timer or keeps history; the caller decides when to
// sample. Files hang on roots (a /proc, a /sys, a root for mount points), so
// that tests give other trees. One MB is 2^20 bytes everywhere (MB), as in
// systemd's MemoryMax=80M.
//
// Window, Latency and the samplers may be used from several goroutines.
package metrics

// MB is the one megabyte of anna: 2^20 bytes, for M, MB and MiB alike.
const MB = 1 << 20
