package survey

import (
	"errors"
	"io/fs"
	"strconv"
	"strings"
	"syscall"

	"github.com/jjgarcianorway/anna-assistant/anna/facts"
)

// Pressure reads the machine's stall information
// (Documentation/accounting/psi.rst).
func Pressure(r Root) *facts.Branch {
	b := facts.NewBranch()
	some, full := stall(r, "memory")
	b.Set("pressure.memory_percent", some)
	b.Set("pressure.memory_full_percent", full)
	some, _ = stall(r, "cpu")
	b.Set("pressure.cpu_percent", some)
	some, _ = stall(r, "io")
	b.Set("pressure.io_percent", some)
	return b
}

// stall reads the share of the last five minutes.
func stall(r Root, resource string) (some, full facts.Value) {
	data, err := r.read("proc/pressure/" + resource)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.EOPNOTSUPP):
		why := facts.Unknown("the kernel counts no pressure: it was built or started without PSI (psi=1)")
		return why, why
	case err != nil:
		why := unread("/proc/pressure/"+resource, err)
		return why, why
	}
	some = facts.Unknownf("/proc/pressure/%s is strange", resource)
	full = some
	for line := range strings.Lines(data) {
		kind, rest, _ := strings.Cut(line, " ")
		for pair := range strings.FieldsSeq(rest) {
			value, ok := strings.CutPrefix(pair, "avg300=")
			if !ok {
				continue
			}
			v, err := strconv.ParseFloat(value, 64)
			if err != nil || v < 0 || v > 100.01 {
				continue
			}
			switch kind {
			case "some":
				some = facts.Num(v)
			case "full":
				full = facts.Num(v)
			}
		}
	}
	return some, full
}
