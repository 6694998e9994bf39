//go:build kernel

package records

import (
	"os"
	"testing"

	"stairgate/config/netnstest"
)

func TestMain(m *testing.M) {
	if os.Getenv(signerEnv) != "" {
		signForever()
		return
	}
	netnstest.Main(m)
}
