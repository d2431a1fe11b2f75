// Package health judges: levels, thresholds, and what a snapshot of the
// daemon's own figures means. It is pure; it reads nothing, keeps no clock and
// talks to nobody, so that every verdict can be tried with a table.
package health
