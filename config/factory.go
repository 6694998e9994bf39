package config

import (
	_ "embed"
	"fmt"
)

//go:embed factory.json
var factoryText []byte

//go:embed reference.json
var referenceText []byte

// Factory is the configuration of a box nobody has configured.
func Factory() Config {
	// Read without the rules: a missing time zone database must not keep a new
	// box from starting. A test proves that the rules hold.
	doc, problems := read(factoryText)
	if len(problems) > 0 {
		panic(fmt.Sprintf("config: factory.json: %v", problems))
	}
	var reader binder
	c := reader.config(doc)
	if len(reader.problems) > 0 {
		panic(fmt.Sprintf("config: factory.json: %v", reader.problems))
	}
	return c
}

// Reference is reference.json: a valid configuration that explains every key.
func Reference() []byte { return append([]byte(nil), referenceText...) }
