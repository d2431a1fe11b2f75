package survey

import (
	"golang.org/x/sys/unix"

	"github.com/jjgarcianorway/anna-assistant/anna/facts"
)

// Time asks the kernel whether something keeps the clock right (adjtimex(2)).
// It reads; to set anything would take a privilege.
func Time() *facts.Branch {
	var t unix.Timex
	state, err := unix.Adjtimex(&t)
	if err != nil {
		return facts.NoBranch("adjtimex(2): " + err.Error())
	}
	b := facts.NewBranch()
	synchronised := t.Status&unix.STA_UNSYNC == 0 && state != unix.TIME_ERROR
	b.Set("time.synchronised", facts.Flag(synchronised))
	if synchronised {
		b.Set("time.error_bound_sec", facts.Num(float64(t.Maxerror)/1e6))
	} else {
		b.Set("time.error_bound_sec", facts.Unknown("the clock is not synchronised"))
	}
	return b
}
