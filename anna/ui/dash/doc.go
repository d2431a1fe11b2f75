// Package dash is the shell of a dashboard on a terminal: it polls, draws,
// and knows keys, focus, filter, details, pause and what to do when nobody
// answers. What is shown comes from a View, which is pure: text for a size.
//
// Rules that hold here, each because breaking it hangs or garbles a terminal:
// one goroutine (the pump) talks to the loop, and its last word is the stop;
// handlers on the loop change what is shown and return; nothing waits for an
// answer on the loop; names are drawn cell by cell, so that no markup in them
// means anything.
//
//	err := dash.Run(ctx, dash.Options{
//		Theme: theme, Interval: time.Second, First: first,
//		Poll: func(ctx context.Context) (dash.View, error) { return ask(ctx) },
//	})
package dash
