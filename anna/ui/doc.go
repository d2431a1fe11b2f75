// Package ui puts answers into text: levels as a shape and a word before a
// colour, aligned tables, bars, sizes and durations as people read them.
//
// Everything here is pure: a Theme says what the terminal can show, values go
// in, strings come out. What came from elsewhere (a file's name, a message from
// the socket) goes through Plain before it is shown.
package ui
