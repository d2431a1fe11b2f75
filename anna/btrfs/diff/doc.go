// Package diff compares two subvolumes of a Btrfs file system.
package diff
