//go:build kernel

package firewall_test

import (
	"testing"

	"stairgate/config/netnstest"
)

func TestMain(m *testing.M) { netnstest.Main(m) }
