package dash

import "github.com/jjgarcianorway/anna-assistant/anna/ui"

// A View is one finished snapshot as it can be shown. It is used on the loop
// and must not change after it was handed over. Texts may be painted with
// ui.Theme; whatever came from elsewhere has gone through ui.Plain.
type View interface {
	// Head says the worst there is in the first words of one line; it is all
	// that is left where there is no room.
	Head(f Frame) string
	// Layout says where panels stand below the head; none where there is no
	// room for any. Tab goes through them in this order.
	Layout(f Frame) []Place
	// Panel is the content of a panel for the room in f, without its title.
	Panel(name string, f Frame) Panel
}

// A Frame is the room there is, and what the terminal shows.
type Frame struct {
	Width, Height int
	Theme         ui.Theme
}

// A Place is where a panel stands. Y counts from the line below the head. The
// first line is the title's, unless the panel is bare.
type Place struct {
	Name       string
	X, Y, W, H int
	Bare       bool // no title; it cannot be focused
}

// A Panel is what stands in a place.
type Panel struct {
	Title string
	Note  string   // at the right end of the title
	Top   []string // stays: figures, a chart, the head of a table
	Rows  []Row    // can be scrolled, filtered and opened
	Empty string   // said where there are no rows
	Tail  bool     // new rows come last and are followed
}

// A Row is one line of a panel.
type Row struct {
	ID     string // what the cursor stays on while rows come and go
	Text   string
	Detail []string // what Enter shows
}
