package main

import (
	"encoding/hex"
	"os"
	"path/filepath"
)

const loadAddr = "10.7.0.2"

// templates are files with the messages perfdhcp sends. It fills in the hardware
// address, the transaction, and in the second also what was offered and by whom.
type templates struct{ discover, request string }

func writeTemplates(dir string) (templates, error) {
	header := make([]byte, 240)
	copy(header, []byte{1, 1, 6}) // request, Ethernet
	header[10] = 0x80             // reply by broadcast
	copy(header[28:], []byte{0, 0x0c, 1, 2, 3, 4})
	copy(header[236:], []byte{0x63, 0x82, 0x53, 0x63})
	wants := []byte{55, 7, 1, 28, 2, 3, 15, 6, 12, 255}
	message := func(options ...byte) string {
		b := append(append(append([]byte{}, header...), options...), wants...)
		for len(b) < 300 {
			b = append(b, 0)
		}
		return hex.EncodeToString(b)
	}
	t := templates{filepath.Join(dir, "discover.hex"), filepath.Join(dir, "request.hex")}
	if err := os.WriteFile(t.discover, []byte(message(53, 1, 1)), 0o600); err != nil {
		return t, err
	}
	// The requested address stands at byte 240, the server's identifier at 249.
	return t, os.WriteFile(t.request, []byte(message(50, 4, 0, 0, 0, 0, 53, 1, 3, 54, 4, 0, 0, 0, 0)), 0o600)
}
