//go:build kernel

package dhcp_test

import (
	"testing"

	"stairgate/config/netnstest"
)

func TestMain(m *testing.M) { netnstest.Main(m) }
