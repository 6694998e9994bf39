//go:build kernel

package main

import (
	"testing"

	"stairgate/config/netnstest"
)

func TestMain(m *testing.M) { netnstest.Main(m) }
