package config

import (
	"encoding"
	"encoding/json"
	"maps"
	"net/netip"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"stairgate/config/identity"
)

// binder fills the typed Config from the tree, by the json tags of the types.
// It does not stop at the first mistake, which is why it is not
// json.Unmarshal; and keys must match letter by letter.
type binder struct {
	problems Problems
	broken   []string // paths whose value is not to be relied on
}

// config reads the whole document.
func (b *binder) config(doc map[string]any) Config {
	var c Config
	b.object("", doc, reflect.ValueOf(&c).Elem())
	return c
}

// fault reports a value that could not be read.
func (b *binder) fault(path, format string, args ...any) {
	b.broken = append(b.broken, path)
	b.problems.at(path, format, args...)
}

// value fills out from in.
func (b *binder) value(path string, in any, out reflect.Value) {
	if in == nil {
		b.fault(path, "This is null, which says nothing. Write %s.", wanted(out))
		return
	}
	if text, ok := out.Addr().Interface().(encoding.TextUnmarshaler); ok {
		s, ok := in.(string)
		if !ok {
			b.fault(path, "This is %s; write %s.", kind(in), wanted(out))
			return
		}
		// netip reads "" as no address, without an error.
		if err := text.UnmarshalText([]byte(s)); err != nil || s == "" {
			b.fault(path, "%s is not %s.", quote(s), instead(s, out))
		}
		return
	}
	switch out.Kind() {
	case reflect.Pointer:
		out.Set(reflect.New(out.Type().Elem()))
		b.value(path, in, out.Elem())
	case reflect.Struct:
		if object, ok := in.(map[string]any); ok {
			b.object(path, object, out)
			return
		}
		b.fault(path, "This is %s; write %s.", kind(in), wanted(out))
	case reflect.Slice:
		list, ok := in.([]any)
		if !ok {
			b.fault(path, "This is %s; write a list in [ ], even for a single value.", kind(in))
			return
		}
		out.Set(reflect.MakeSlice(out.Type(), len(list), len(list)))
		for i, element := range list {
			b.value(index(path, i), element, out.Index(i))
		}
	default:
		b.scalar(path, in, out)
	}
}

// scalar fills text, a truth value or a whole number.
func (b *binder) scalar(path string, in any, out reflect.Value) {
	switch v := in.(type) {
	case string:
		if out.Kind() == reflect.String {
			out.SetString(v)
			return
		}
		if truth, err := strconv.ParseBool(v); err == nil && out.Kind() == reflect.Bool {
			b.fault(path, "This is text; write %t without quotation marks.", truth)
			return
		}
	case bool:
		if out.Kind() == reflect.Bool {
			out.SetBool(v)
			return
		}
	case json.Number:
		if out.Kind() == reflect.Int {
			n, err := strconv.Atoi(v.String())
			if err != nil {
				b.fault(path, "%s is not a whole number; write one such as 1.", v)
				return
			}
			out.SetInt(int64(n))
			return
		}
	}
	b.fault(path, "This is %s; write %s.", kind(in), wanted(out))
}

// object fills a struct: each of its keys, in their order, then what is left.
func (b *binder) object(path string, in map[string]any, out reflect.Value) {
	var known, missing []string
	for i := range out.NumField() {
		key, optional := tag(out.Type().Field(i))
		known = append(known, key)
		value, given := in[key]
		switch {
		case given:
			b.value(under(path, key), value, out.Field(i))
		case !optional:
			missing = append(missing, key)
		case out.Field(i).Kind() == reflect.Slice && !omitted(out.Type().Field(i)):
			out.Field(i).Set(reflect.MakeSlice(out.Field(i).Type(), 0, 0))
		}
	}
	for _, key := range slices.Sorted(maps.Keys(in)) {
		if slices.Contains(known, key) {
			continue
		}
		at := under(path, key)
		// A key that is missing and one that nobody knows are most likely the
		// same mistake: say it once.
		if meant, ok := nearest(key, missing); ok {
			b.problems.at(at, "There is no key %s here. Did you mean %s?", quote(key), quote(meant))
			b.broken = append(b.broken, under(path, meant))
			missing = slices.DeleteFunc(missing, func(k string) bool { return k == meant })
			continue
		}
		if meant, ok := nearest(key, known); ok {
			b.problems.at(at, "There is no key %s here. Did you mean %s, which is there already?", quote(key), quote(meant))
			continue
		}
		b.problems.at(at, "There is no key %s here. Remove it; the keys here are %s. A remark's key begins with //.", quote(key), join(known))
	}
	for _, key := range missing {
		field := out.FieldByNameFunc(func(name string) bool {
			f, _ := out.Type().FieldByName(name)
			k, _ := tag(f)
			return k == key
		})
		b.fault(under(path, key), "The key %s is missing. Add it, with %s.", quote(key), wanted(field))
	}
}

// tag is the JSON key of a field and whether the file may leave it out. Marked
// as optional are keys whose absence says something; and two lists that are
// empty in most schools.
func tag(f reflect.StructField) (key string, optional bool) {
	key, options, _ := strings.Cut(f.Tag.Get("json"), ",")
	optional = omitted(f) || options == "omitzero" || key == "reservations" || key == "rebind_allow"
	return key, optional
}

// omitted reports whether an empty list is left out of the file.
func omitted(f reflect.StructField) bool {
	return strings.HasSuffix(f.Tag.Get("json"), ",omitempty")
}

// form is how a value of some type is called and written.
type form struct{ noun, example string }

// forms of the types that are text with a meaning.
var forms = map[reflect.Type]form{
	reflect.TypeFor[netip.Prefix]():   {"an address with the length of its network", "192.168.77.1/24"},
	reflect.TypeFor[netip.Addr]():     {"an address", "192.168.77.20"},
	reflect.TypeFor[netip.AddrPort](): {"an address with its port", "192.0.2.53:53"},
	reflect.TypeFor[Duration]():       {"a length of time", "8h\", \"30m\" or \"90s"},
	reflect.TypeFor[identity.MAC]():   {"a hardware address", "aa:bb:cc:dd:ee:ff"},
	reflect.TypeFor[identity.Date]():  {"a date", "2026-09-01"},
}

// wanted says what to write for a type: "text in quotation marks".
func wanted(v reflect.Value) string {
	if f, ok := forms[v.Type()]; ok {
		return f.noun + ` such as "` + f.example + `"`
	}
	switch v.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.Int:
		return "a whole number such as 1"
	case reflect.Slice:
		return "a list in [ ]"
	case reflect.Struct, reflect.Pointer:
		return "an object in { }"
	default:
		return "text in quotation marks"
	}
}

// instead says what s is not and what to write, made from s where possible.
func instead(s string, v reflect.Value) string {
	f := forms[v.Type()]
	write := func(what string) string { return f.noun + "; write " + what }
	switch v.Interface().(type) {
	case netip.Prefix:
		if addr, err := netip.ParseAddr(s); err == nil && addr.Is4() {
			return write(quote(s+"/24") + " for a network of 254 devices")
		}
	case netip.AddrPort:
		if addr, err := netip.ParseAddr(s); err == nil {
			return write(quote(netip.AddrPortFrom(addr, 53).String()))
		}
	case netip.Addr:
		if prefix, err := netip.ParsePrefix(s); err == nil {
			return write(quote(prefix.Addr().String()))
		}
	case Duration:
		number := strings.TrimRight(s, "abcdefghijklmnopqrstuvwxyz ")
		if _, err := strconv.ParseFloat(number, 64); err != nil {
			break
		}
		switch unit := strings.TrimSpace(s[len(number):]); {
		case unit == "":
			return write(quote(s+"h") + " for hours or " + quote(s+"m") + " for minutes")
		case strings.HasPrefix("hours", unit), strings.HasPrefix("minutes", unit), strings.HasPrefix("seconds", unit):
			return write(quote(number + unit[:1]))
		case strings.HasPrefix("days", unit), strings.HasPrefix("weeks", unit):
			return write(`it in hours, minutes and seconds; a day is "24h"`)
		}
	}
	return write(`one such as "` + f.example + `"`)
}
