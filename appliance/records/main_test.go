//go:build !kernel

package records

import (
	"os"
	"testing"
)

func TestMain(m *testing.M) {
	if os.Getenv(signerEnv) != "" {
		signForever()
		return
	}
	os.Exit(m.Run())
}
