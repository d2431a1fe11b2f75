package survey

import (
	"strconv"
	"strings"

	"github.com/jjgarcianorway/anna-assistant/anna/facts"
)

// Zram is swap in compressed memory, of /proc/swaps: "/dev/zram0 partition
// 4194300 0 100", sizes in KiB.
func Zram(r Root) *facts.Branch {
	data, err := r.read("proc/swaps")
	if err != nil {
		return facts.NoBranch("cannot read /proc/swaps")
	}
	count, size := 0, uint64(0)
	for line := range strings.Lines(data) {
		fields := strings.Fields(line)
		if len(fields) < 3 || !strings.HasPrefix(fields[0], "/dev/zram") {
			continue
		}
		count++
		if kb, err := strconv.ParseUint(fields[2], 10, 50); err == nil {
			size += kb << 10
		}
	}
	b := facts.NewBranch()
	b.Set("zram.devices", facts.Num(count))
	b.Set("zram.size_bytes", facts.Num(size))
	return b
}
