package admin

import (
	"bytes"
	"encoding/json"
	"reflect"
	"slices"

	"stairgate/config"
	"stairgate/config/identity"
)

// withBlocks writes want, which differs from what text says in the blocked
// categories only, into text, so that remarks and the order of keys stay as
// somebody wrote them. Where that cannot be done the whole file is written anew.
func withBlocks(text []byte, want config.Config) []byte {
	blocks := map[string][]identity.Category{}
	for _, g := range want.Groups {
		blocks[g.ID] = g.Block
	}
	out, err := spliceBlocks(text, blocks)
	if err == nil {
		if got, err := config.Parse(out); err == nil && bytes.Equal(config.Marshal(got), config.Marshal(want)) {
			return out
		}
	}
	return config.Marshal(want)
}

// splice is a new value for the octets from start to end.
type splice struct {
	start, end int
	value      []byte
}

func spliceBlocks(text []byte, blocks map[string][]identity.Category) ([]byte, error) {
	var splices []splice
	err := eachKey(json.NewDecoder(bytes.NewReader(text)), func(d *json.Decoder, key string) error {
		if key != "groups" {
			return skip(d)
		}
		if _, err := d.Token(); err != nil { // [
			return err
		}
		for d.More() {
			s, err := spliceGroup(d, blocks)
			if err != nil {
				return err
			}
			splices = append(splices, s...)
		}
		_, err := d.Token() // ]
		return err
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(splices, func(a, b splice) int { return b.start - a.start }) // from the end, so that offsets hold
	out := slices.Clone(text)
	for _, s := range splices {
		out = slices.Replace(out, s.start, s.end, s.value...)
	}
	return out, nil
}

// spliceGroup reads one group and says how its block list changes.
func spliceGroup(d *json.Decoder, blocks map[string][]identity.Category) ([]splice, error) {
	var id string
	var old []identity.Category
	var at splice
	err := eachKey(d, func(d *json.Decoder, key string) error {
		switch key {
		case "id":
			return d.Decode(&id)
		case "block":
			var raw json.RawMessage
			if err := d.Decode(&raw); err != nil {
				return err
			}
			at.end = int(d.InputOffset())
			at.start = at.end - len(raw)
			return json.Unmarshal(raw, &old)
		}
		return skip(d)
	})
	want, ok := blocks[id]
	if err != nil || at.end == 0 || !ok || reflect.DeepEqual(old, want) {
		return nil, err
	}
	var list bytes.Buffer
	list.WriteByte('[')
	for i, c := range want {
		if i > 0 {
			list.WriteString(", ")
		}
		list.WriteString(`"` + string(c) + `"`)
	}
	list.WriteByte(']')
	at.value = list.Bytes()
	return []splice{at}, nil
}

// eachKey calls f for each key of the object that comes next; f reads the value.
func eachKey(d *json.Decoder, f func(d *json.Decoder, key string) error) error {
	if _, err := d.Token(); err != nil { // {
		return err
	}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return err
		}
		name, _ := key.(string)
		if err := f(d, name); err != nil {
			return err
		}
	}
	_, err := d.Token() // }
	return err
}

func skip(d *json.Decoder) error {
	var raw json.RawMessage
	return d.Decode(&raw)
}
