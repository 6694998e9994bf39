package build

// Named here so that go.mod keeps the versions of what instance descriptions take
// files from. None of them holds code that runs.
import (
	_ "github.com/gokrazy/firmware"
	_ "github.com/gokrazy/kernel.amd64"
	_ "github.com/gokrazy/kernel.rpi"
)
