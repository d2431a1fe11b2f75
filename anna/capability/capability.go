// Package capability says what this machine and this configuration let anna
// do: each module of the daemon is active, degraded, disabled or failed, and
// says why and what to do about it.
//
// A report is made when it is asked for, from what the module sees now; it is
// never assumed from what is installed. What a machine simply does not have is
// disabled, not broken.
//
//	capability.Report{
//		Module: "btrfs", State: capability.Degraded,
//		Why: "subvolumes cannot be listed without CAP_SYS_ADMIN",
//		Do:  "see dist/annad.service.d/btrfs.conf", AsInstalled: true,
//	}
package capability

import "time"

// A State is how a module does.
type State string

// The states.
const (
	Active   State = "active"   // it does all that it is for
	Degraded State = "degraded" // it does part of it; Why and Do say more
	Disabled State = "disabled" // switched off, or nothing here for it to do
	Failed   State = "failed"   // it does nothing, and tries again
)

// A Report is one module's state. It crosses the socket.
type Report struct {
	Module  string    `json:"module"`
	Summary string    `json:"summary"`
	State   State     `json:"state"`
	Why     string    `json:"why"` // "" when it is active
	Do      string    `json:"do"`  // what to do about it; "" when there is nothing to do
	Since   time.Time `json:"since"`
	// AsInstalled says that it is so by how anna is installed or where it runs,
	// without a privilege, say, and not by a fault: nothing to raise an alarm
	// about.
	AsInstalled bool `json:"as_installed"`
	// Failures counts failed runs in the last hour.
	Failures int `json:"failures_last_hour"`
}

// Counts sums up reports.
type Counts struct {
	Active   int `json:"active"`
	Degraded int `json:"degraded"`
	Disabled int `json:"disabled"`
	Failed   int `json:"failed"`
}

// Count sums up reports.
func Count(reports []Report) Counts {
	var c Counts
	for _, r := range reports {
		switch r.State {
		case Active:
			c.Active++
		case Degraded:
			c.Degraded++
		case Disabled:
			c.Disabled++
		case Failed:
			c.Failed++
		}
	}
	return c
}
