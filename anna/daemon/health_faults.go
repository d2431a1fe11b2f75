//go:build annafaults

package daemon

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jjgarcianorway/anna-assistant/anna/events"
)

// faultFile names what goes wrong: words in a file beside the state, read again
// and again, so that a fault can be taken back.
const faultFile = "faults"

// These are shorter than the shipped ones, for tests to be.
const (
	commitTime   = 2 * time.Second
	withheldSpan = 20 * time.Second
)

// misbehave does what the file says:
//
//	leak    takes 1 MB every 120 ms and gives nothing back
//	busy    keeps every CPU busy
//	hang    events are never handled while it is there
//	slow    an event takes 3 s
//	deaf    no request is begun while it is there
//	flood   5 events of one domain each 10 ms
func (d *Daemon) misbehave(ctx context.Context) {
	d.log.Warn("this anna misbehaves for tests")
	path := d.host.Config().Daemon().StateDir + "/" + faultFile
	for name, f := range map[string]func(n int){
		"leak": func(n int) {
			if n%12 != 0 {
				return
			}
			page := make([]byte, 1<<20)
			for i := range page {
				page[i] = byte(i)
			}
			leaked = append(leaked, page)
		},
		"busy": func(int) {
			for began := time.Now(); time.Since(began) < 100*time.Millisecond; {
			}
		},
		"flood": func(n int) {
			for i := range 5 {
				d.engine.Observe(events.Event{Domain: events.Kernel, Kind: "tested", Subject: fmt.Sprint(n, i)})
			}
		},
	} {
		d.tasks.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				if faulty(path, name) {
					f(n)
				} else {
					time.Sleep(50 * time.Millisecond)
				}
				time.Sleep(10 * time.Millisecond)
			}
		})
	}
	faultPath.Store(&path)
}

var (
	leaked    [][]byte
	faultPath atomic.Pointer[string]
)

// hangTime is the shipped one, or what the environment says.
var hangTime = func() time.Duration {
	if d, err := time.ParseDuration(os.Getenv("ANNA_FAULTS_HANG_TIME")); err == nil {
		return d
	}
	return time.Minute
}()

// told reports whether the file names a fault.
func told(name string) bool {
	path := faultPath.Load()
	return path != nil && faulty(*path, name)
}

func faulty(path, name string) bool {
	text, err := os.ReadFile(path)
	return err == nil && strings.Contains(string(text), name)
}

// misbehaveHandling hangs, whatever its deadline, while it is told to.
func misbehaveHandling(context.Context) {
	if told("slow") {
		time.Sleep(3 * time.Second)
	}
	for told("hang") {
		time.Sleep(50 * time.Millisecond)
	}
}

// misbehaveAnswering stands in every request's way.
func misbehaveAnswering() {
	for told("deaf") {
		time.Sleep(50 * time.Millisecond)
	}
}
