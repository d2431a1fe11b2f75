package storage

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"
)

// TestWriteTrees holds that trees are written as encoding/json writes them,
// whatever their fields hold, and that a new field of a node is not forgotten.
func TestWriteTrees(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	texts := []string{"", "plain", "/a b", "\"\\<&>", "\x00\n\x7f\u009b\u2028", "\xff", "äöü日本", `"roots":[],"pending_deletion":[],`}
	var fill func(v reflect.Value, depth int)
	fill = func(v reflect.Value, depth int) {
		switch {
		case v.Type() == reflect.TypeFor[time.Time]():
			if rnd.IntN(3) > 0 {
				v.Set(reflect.ValueOf(time.Unix(rnd.Int64N(1e11), rnd.Int64N(1e9)).UTC()))
			}
			return
		case !v.CanSet():
			return
		}
		switch v.Kind() {
		case reflect.Struct:
			for i := range v.NumField() {
				fill(v.Field(i), depth)
			}
		case reflect.String:
			v.SetString(texts[rnd.IntN(len(texts))])
		case reflect.Bool:
			v.SetBool(rnd.IntN(2) > 0)
		case reflect.Int, reflect.Int64:
			v.SetInt(rnd.Int64N(3))
		case reflect.Uint64:
			v.SetUint(rnd.Uint64() >> rnd.IntN(64))
		case reflect.Uint8:
			v.SetUint(rnd.Uint64N(256))
		case reflect.Pointer:
			if v.Type().Elem().Kind() == reflect.Struct || rnd.IntN(3) > 0 {
				v.Set(reflect.New(v.Type().Elem()))
				fill(v.Elem(), depth+1)
			}
		case reflect.Slice:
			n := rnd.IntN(4)
			if depth > 3 {
				n = 0
			}
			v.Set(reflect.MakeSlice(v.Type(), n, n))
			for i := range n {
				fill(v.Index(i), depth+1)
			}
		}
	}
	for range 500 {
		var trees Trees
		fill(reflect.ValueOf(&trees).Elem(), 0)
		var got, want bytes.Buffer
		enc := json.NewEncoder(&want)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(trees); err != nil {
			t.Fatal(err)
		}
		if err := writeTrees(&got, trees); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got.Bytes(), want.Bytes()) {
			t.Fatalf("got  %s\nwant %s", got.Bytes(), want.Bytes())
		}
	}
}

// TestTextEveryByte puts every byte at every place of a text, which is looked at
// in words of eight, and beside another that has to be escaped.
func TestTextEveryByte(t *testing.T) {
	for length := 1; length < 18; length++ {
		for at := range length {
			for c := range 256 {
				for _, beside := range []byte{'a', '"', 0x7f} {
					s := bytes.Repeat([]byte("a"), length)
					s[length-1-at], s[at] = beside, byte(c)
					want := rare([]byte("x"), "k", string(s))
					if got := text([]byte("x"), "k", string(s)); !bytes.Equal(got, want) {
						t.Fatalf("%q is written %s, encoding/json writes %s", s, got, want)
					}
				}
			}
		}
	}
}
