package update

import "context"

// Step is one round of Run.
func Step(m *Machine, ctx context.Context) { m.step(ctx) }

// NextNight is the next 02:00.
var NextNight = nextNight
