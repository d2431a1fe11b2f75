package dash

import "slices"

// A cursor is where one is in a panel.
type cursor struct {
	id    string // of the row; "" before it was moved
	index int
	first int // the first row on the screen
	shown int // how many rows were there when it was drawn last
	rows  []Row
	moved bool
}

// settle puts the cursor of a panel on its row again, wherever that is now,
// and brings it onto the screen.
func (c *cursor) settle(rows []Row, height int, tail bool) {
	c.rows, c.shown = rows, max(height, 0)
	c.index = min(max(c.index, 0), max(len(rows)-1, 0))
	if i := slices.IndexFunc(rows, func(r Row) bool { return r.ID == c.id }); c.moved && i >= 0 {
		c.index = i
	}
	if last := len(rows) - 1; tail && last >= 0 && !c.moved {
		c.index = last
	}
	if c.index < c.first {
		c.first = c.index
	}
	if c.index >= c.first+height {
		c.first = c.index - height + 1
	}
	c.first = max(min(c.first, len(rows)-height), 0)
}
