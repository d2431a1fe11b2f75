//go:build race

package storage

// raceEnabled says whether the race detector is built in.
const raceEnabled = true
