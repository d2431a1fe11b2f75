// Package diagnose tells what can be known about a daemon that does not
// answer: from systemd where it runs, from /proc, and from the last words that
// the daemon left beside its socket. Nothing here needs a privilege, and
// nothing takes longer than the context allows.
//
// An error number alone does not decide what happened: a refused connection
// may be a daemon that restarts, one that was stopped, or one that crashes
// again and again. State holds what was found and puts it into words:
//
//	s := diagnose.Look(ctx, socket)
//	if !s.Running() {
//		fmt.Println(s.Story(time.Now())) // "it is stopped; last seen 3 min ago, 71 of 80 MB, stopping on SIGTERM"
//		fmt.Println(s.Hint("DaemonCrashed"))
//	}
package diagnose
