package config

import (
	"encoding"
	"fmt"
	"net/netip"
	"reflect"
	"testing"

	"stairgate/config/identity"
)

// What a change means, in the school's words: from reference.json to the
// reference with the change, and back.
func TestDiffSentences(t *testing.T) {
	old := mustParse(t, referenceText)
	golden(t, "diff", "change", "sentences", func(t *testing.T, input []byte) []string {
		new := mustParse(t, changed(t, input))
		return append(append(Diff(old, new), "(and back)"), Diff(new, old)...)
	})
}

// Nobody can add a key and forget to tell of its changes: every single value of
// the reference is changed in turn.
func TestDiffTellsOfEveryKey(t *testing.T) {
	reference := mustParse(t, referenceText)
	var count int
	var walk func(path string, at func(*Config) reflect.Value)
	walk = func(path string, at func(*Config) reflect.Value) {
		c := clone(reference)
		v := at(&c)
		_, text := v.Addr().Interface().(encoding.TextUnmarshaler)
		switch {
		case !text && v.Kind() == reflect.Struct:
			for i := range v.NumField() {
				key, _ := tag(v.Type().Field(i))
				walk(under(path, key), func(c *Config) reflect.Value { return at(c).Field(i) })
			}
		case v.Kind() == reflect.Pointer:
			walk(path, func(c *Config) reflect.Value { return at(c).Elem() })
		case v.Kind() == reflect.Slice:
			for i := range v.Len() {
				walk(index(path, i), func(c *Config) reflect.Value { return at(c).Index(i) })
			}
		case path == "version":
			// Not the school's affair.
		default:
			count++
			alter(t, v)
			if len(Diff(reference, c)) == 0 {
				t.Errorf("a change of %s is not told", path)
			}
			if d := Diff(c, clone(c)); len(d) > 0 {
				t.Errorf("%s: without a change there is %q", path, d)
			}
		}
	}
	walk("", func(c *Config) reflect.Value { return reflect.ValueOf(c).Elem() })
	if count < 80 {
		t.Errorf("only %d values were changed", count)
	}
}

// alter changes a value.
func alter(t *testing.T, v reflect.Value) {
	t.Helper()
	switch p := v.Addr().Interface().(type) {
	case *netip.Addr:
		*p = p.Next()
	case *netip.Prefix:
		*p = netip.PrefixFrom(p.Addr().Next(), p.Bits())
	case *netip.AddrPort:
		*p = netip.AddrPortFrom(p.Addr(), p.Port()+1)
	case *identity.MAC:
		p[5]++
	case *Duration:
		*p++
	case *identity.Date:
		p.Day++
	default:
		switch v.Kind() {
		case reflect.String:
			v.SetString(fmt.Sprint(v, "x"))
		case reflect.Bool:
			v.SetBool(!v.Bool())
		default:
			t.Fatalf("no idea how to change a %s", v.Type())
		}
	}
}
