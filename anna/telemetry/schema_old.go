//go:build annaold

package telemetry

// A build with this tag stands in for an older version: it knows an older
// schema. The package tests upgrade from one.
func init() { migrations = migrations[:2] }
