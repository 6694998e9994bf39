package main

import (
	"encoding/json"
	"log"
	"os"
)

// release says what is on this slot.
type release struct {
	Product string `json:"product"`
	Board   string `json:"board"`
	Version string `json:"version"`
	Built   string `json:"built"`
	SBOM    string `json:"sbom"`
}

// readRelease reads the builder's note. A box without it still starts.
func readRelease(path string) release {
	r := release{Product: "stairgate", Version: "unknown"}
	b, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(b, &r)
	}
	if err != nil {
		log.Printf("what version this is cannot be read: %v", err)
	}
	return r
}
