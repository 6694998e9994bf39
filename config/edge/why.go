package edge

import "net/netip"

// Question asks why, or whether, a name is blocked for whoever holds Addr.
type Question struct {
	Addr netip.Addr `json:"addr"`
	Name string     `json:"name"` // host name, lower case, no final dot
}

// Reason is what the filter says now about a name for a client.
type Reason struct {
	// Known is false when the writer could not be asked.
	Known   bool `json:"known"`
	Blocked bool `json:"blocked"`
	// GoOn is set when it is a warning, and the client may go on from it.
	GoOn bool `json:"go_on,omitempty"`
	// Category in words, "Gambling"; empty when no category is the reason.
	Category string `json:"category,omitempty"`
	// Sentence says for people why the name is blocked.
	Sentence string `json:"sentence,omitempty"`
}
