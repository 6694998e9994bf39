package edge

import (
	"encoding/json"
	"strconv"
	"time"
	"unicode/utf8"
)

// appendJSON is json.Marshal for a Batch: octet by octet the same, in a sixth of the
// time. The log's rows are the only thing on the wire that comes by the thousand, and
// they are written on the core that answers.
func (b Batch) appendJSON(out []byte) []byte {
	out = append(out, `{"queries":`...)
	if b.Queries == nil {
		out = append(out, "null"...)
	} else {
		out = append(out, '[')
		for i := range b.Queries {
			if i > 0 {
				out = append(out, ',')
			}
			out = b.Queries[i].appendJSON(out)
		}
		out = append(out, ']')
	}
	out = append(out, `,"dropped":`...)
	return append(strconv.AppendUint(out, b.Dropped, 10), '}')
}

func (q *Query) appendJSON(out []byte) []byte {
	out = append(out, `{"t":"`...)
	out = q.Time.AppendFormat(out, time.RFC3339Nano)
	out = append(out, `","v":`...)
	out = strconv.AppendUint(out, q.Version, 10)
	out = append(out, `,"a":"`...)
	if q.Addr.IsValid() {
		out = q.Addr.AppendTo(out)
	}
	out = appendField(out, `","n":`, q.Name)
	out = appendField(out, `,"q":`, q.Type)
	out = appendField(out, `,"x":`, q.Action)
	for _, f := range [...]struct{ key, value string }{
		{`,"c":`, q.Category}, {`,"r":`, q.Rule}, {`,"l":`, q.List}, {`,"s":`, q.Rcode},
	} {
		if f.value != "" {
			out = appendField(out, f.key, f.value)
		}
	}
	return append(out, '}')
}

func appendField(out []byte, key, value string) []byte {
	out = append(out, key...)
	for i := range len(value) {
		if c := value[i]; c < ' ' || c >= utf8.RuneSelf || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' {
			quoted, err := json.Marshal(value)
			if err != nil {
				panic(err) // a string can always be written
			}
			return append(out, quoted...)
		}
	}
	out = append(out, '"')
	out = append(out, value...)
	return append(out, '"')
}
