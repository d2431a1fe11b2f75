//go:build !race

package rpc

// raceEnabled says whether the race detector is built in.
const raceEnabled = false
