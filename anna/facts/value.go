package facts

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"unicode/utf8"
)

// A Type is what kind of value a fact has.
type Type string

// The types.
const (
	Bool   Type = "bool"
	Number Type = "number"
	Text   Type = "text"
	List   Type = "list" // of texts
)

// What one value may hold. Rules go through lists and texts, and their time is
// bounded before they run.
const (
	MaxList = 1000 // texts of a list
	MaxText = 256  // bytes of a text
)

// A Value is a value, or unknown with the reason. The zero Value is unknown.
type Value struct {
	typ    Type // "": unknown
	number float64
	text   string // or why it is unknown
	list   []string
}

// Num is a number. NaN and infinities are none.
func Num[T int | int64 | uint64 | float64 | uint32](n T) Value {
	f := float64(n)
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return Unknown("it is no number")
	}
	return Value{typ: Number, number: f}
}

// Flag is true or false.
func Flag(b bool) Value {
	v := Value{typ: Bool}
	if b {
		v.number = 1
	}
	return v
}

// Str is a text. One that is too long is not cut: it is unknown.
func Str(s string) Value {
	if len(s) > MaxText {
		return Unknownf("it is longer than %d bytes", MaxText)
	}
	return Value{typ: Text, text: clean(s)}
}

// Strs is a list of texts. The list is the value's from now on, and made fit to be
// shown in place. One that is too long is unknown, as half of it would be a lie.
func Strs(list []string) Value {
	if len(list) > MaxList {
		return Unknownf("it has %d entries: more than %d are not looked through", len(list), MaxList)
	}
	if list == nil {
		list = []string{}
	}
	for i, s := range list {
		if len(s) > MaxText {
			return Unknownf("entry %d is longer than %d bytes", i+1, MaxText)
		}
		list[i] = clean(s)
	}
	return Value{typ: List, list: list}
}

// Unknown is no value, and why.
func Unknown(why string) Value {
	if why == "" {
		why = "it was not looked at"
	}
	return Value{text: clean(why)}
}

// Unknownf is Unknown with a formatted reason.
func Unknownf(format string, args ...any) Value { return Unknown(fmt.Sprintf(format, args...)) }

// clean makes foreign text one line of valid UTF-8.
func clean(s string) string {
	if !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f || r == utf8.RuneError }) {
		return s
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
}

// Known says whether there is a value.
func (v Value) Known() bool { return v.typ != "" }

// Type is the value's; "" for unknown.
func (v Value) Type() Type { return v.typ }

// Why is why there is no value; "" where there is one.
func (v Value) Why() string {
	switch {
	case v.Known():
		return ""
	case v.text == "":
		return "it was not looked at"
	}
	return v.text
}

// Number is the value of a number.
func (v Value) Number() (float64, bool) { return v.number, v.typ == Number }

// Flag is the value of a bool.
func (v Value) Flag() (value, ok bool) { return v.number != 0, v.typ == Bool }

// Text is the value of a text.
func (v Value) Text() (string, bool) { return v.text, v.typ == Text }

// List is the value of a list, which is not to be changed.
func (v Value) List() ([]string, bool) { return v.list, v.typ == List }

// Equal says whether two values are the same, reasons included.
func (v Value) Equal(o Value) bool {
	return v.typ == o.typ && v.number == o.number && v.text == o.text && slices.Equal(v.list, o.list)
}

// MarshalJSON writes a value as it is, and an unknown one as
// {"unknown":"the reason"}.
func (v Value) MarshalJSON() ([]byte, error) {
	switch v.typ {
	case Bool:
		return json.Marshal(v.number != 0)
	case Number:
		return json.Marshal(v.number)
	case Text:
		return json.Marshal(v.text)
	case List:
		return json.Marshal(v.list)
	}
	return json.Marshal(map[string]string{"unknown": v.Why()})
}

var errValue = errors.New(`a fact is true or false, a number, a text, a list of texts, or {"unknown": "the reason"}`)

// UnmarshalJSON reads what MarshalJSON writes.
func (v *Value) UnmarshalJSON(data []byte) error {
	var raw any
	if err := json.Unmarshal(data, &raw); err != nil {
		return err
	}
	switch x := raw.(type) {
	case bool:
		*v = Flag(x)
	case float64:
		*v = Num(x)
	case string:
		*v = Str(x)
	case []any:
		list := make([]string, 0, len(x))
		for _, e := range x {
			s, ok := e.(string)
			if !ok {
				return errValue
			}
			list = append(list, s)
		}
		*v = Strs(list)
	case map[string]any:
		why, ok := x["unknown"].(string)
		if !ok || len(x) != 1 {
			return errValue
		}
		*v = Unknown(why)
	default:
		return errValue
	}
	return nil
}
