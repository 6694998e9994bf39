package policy

import "stairgate/config/identity"

// Signal is a name that systems ask for before they use another resolver by themselves.
// The box answers it so that they do not, the same for everybody and every type, before
// anything else is asked: a list or a rule that opened it would only switch the other
// resolver on.
type Signal struct {
	Zone     string // it and what lies below it
	Action   Action // Block: there is no such name; Local: there is, and nothing in it
	Category identity.Category
	words    string
}

// RuleSignal stands in Verdict.Rule for a Signal.
const RuleSignal = "canary"

var signals = []Signal{
	{"use-application-dns.net", Block, identity.Bypass, "Firefox asks for this name before it uses a resolver of its own. The box answers that it does not exist, so Firefox asks the box."},
	{"mask.icloud.com", Block, identity.Bypass, privateRelay},
	{"mask-h2.icloud.com", Block, identity.Bypass, privateRelay},
	{"resolver.arpa", Local, "", "Systems ask here whether the network has an encrypted resolver to go over to. The box answers itself that it has none."},
}

const privateRelay = "Apple’s devices ask for this name before they use Private Relay. The box answers that it does not exist, so Private Relay stays off and the person is told."

// Signals lists them. It must not be changed.
func Signals() []Signal { return signals }

// SignalOf finds the signal that a name belongs to.
func SignalOf(name string) (Signal, bool) {
	for _, s := range signals {
		if within(name, s.Zone) {
			return s, true
		}
	}
	return Signal{}, false
}

// explainSignal is the explanation of a signal.
func explainSignal(name string, s Signal) Explanation {
	return Explanation{Verdict: Verdict{Action: s.Action, Rule: RuleSignal, Category: s.Category}, Name: name, Words: s.words}
}

// Answer is what comes of a question as the DNS server answers it: the signals, then
// Decide.
func (r *Rules) Answer(q Question) Verdict {
	if s, ok := SignalOf(q.Name); ok {
		return explainSignal(q.Name, s).Verdict
	}
	return r.Decide(q)
}

// signalWords are for the query log, where the name is not at hand.
const signalWords = "A system asked for it before using another resolver by itself. The box answers so that it does not."
