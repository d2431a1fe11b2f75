package annatest

import (
	"bytes"
	"io"
	"reflect"
	"strings"
	"testing"
	"unicode"
)

// Evil is a text as a hostile daemon may send it: it would clear a terminal,
// begin a line, turn the direction of writing, and name a colour.
const Evil = "\x1b[2J\r\nroot # \u009b31m\u202e\x00[red]"

// Poison makes Evil of every text in v, a pointer to plain data: of every field
// that crosses the socket, those too that are added later. What is empty (a
// list, a map, a pointer) gets an element.
func Poison(v any) { poison(reflect.ValueOf(v).Elem(), 0) }

// poisonDepth bounds types that hold themselves.
const poisonDepth = 8

func poison(v reflect.Value, depth int) {
	if !v.CanSet() || depth > poisonDepth {
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(Evil)
	case reflect.Interface:
		if v.NumMethod() == 0 {
			v.Set(reflect.ValueOf(Evil))
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		poison(v.Elem(), depth+1)
	case reflect.Slice:
		if v.Len() == 0 {
			v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		}
		for i := range v.Len() {
			poison(v.Index(i), depth+1)
		}
	case reflect.Map:
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		poison(key, depth+1)
		poison(value, depth+1)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(key, value)
	case reflect.Struct:
		for i := range v.NumField() {
			poison(v.Field(i), depth+1)
		}
	}
}

// Harmless holds that what is drawn moves no terminal, and that no text in it
// began a line of its own.
func Harmless(t testing.TB, draw func(io.Writer)) {
	t.Helper()
	var b bytes.Buffer
	draw(&b)
	for _, r := range b.String() {
		if r != '\n' && !unicode.IsPrint(r) {
			t.Errorf("%U reaches the terminal: %q", r, b.String())
			break
		}
	}
	if strings.Contains(b.String(), "\nroot #") {
		t.Errorf("a text began a line: %q", b.String())
	}
}
