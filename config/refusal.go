package config

import "errors"

// Refusal is a change that the Store did not make, although nothing is broken.
// Compare with errors.Is and the values below; show Error to people.
type Refusal struct {
	code     string
	Sentence string
}

func (r *Refusal) Error() string { return r.Sentence }

// Is makes a refusal with a more precise sentence equal to its kind.
func (r *Refusal) Is(target error) bool {
	t, ok := errors.AsType[*Refusal](target)
	return ok && t.code == r.code
}

// The kinds of refusal.
var (
	ErrChanged  = &Refusal{"changed", "Somebody else has changed the configuration in the meantime. Load it again, look at what changed, and make your change once more."}
	ErrOnTrial  = &Refusal{"on-trial", "A change is on trial already. Keep it or take it back first."}
	ErrNoTrial  = &Refusal{"no-trial", "No change is on trial, so there is nothing to keep or to take back. It may have run out: look at the configuration and try again."}
	ErrTrialRan = &Refusal{"trial-ran-out", "The time to keep the change is over, and the box has gone back to the configuration before. Make the change again and press Keep in time."}
	ErrWindow   = &Refusal{"window", "A trial lasts from one second to one hour. Choose a length between."}
)
