package dash

import (
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/rivo/tview"
)

// stopTime is how long a stop that was asked for may take to come. It never
// comes where nobody could continue what is stopped (setpgid(2), orphaned
// process groups).
const stopTime = 200 * time.Millisecond

// suspend gives the terminal back and stops the job, as Ctrl-Z does with any
// program; it returns, with the terminal taken again, when the job continues.
// Only the loop may call it.
func suspend(app *tview.Application) {
	app.Suspend(func() {
		goesOn := make(chan os.Signal, 1)
		signal.Notify(goesOn, syscall.SIGCONT)
		defer signal.Stop(goesOn)
		// To the whole job, as the terminal would: a pager or a script may
		// stand around it.
		if err := syscall.Kill(0, syscall.SIGTSTP); err != nil {
			return
		}
		select {
		case <-goesOn:
		case <-time.After(stopTime):
		}
	})
}
