package fat

import (
	"slices"
	"strings"
)

// name is a record of a folder: 32 bytes.
type name []byte

const nameSize = 32

// Attributes.
const (
	isLabel  = 0x08 // and, with three more, a part of a long name
	isFolder = 0x10
)

var (
	dot    = ".          "
	dotDot = "..         "
)

func (n name) unused() bool { return n[0] == 0 || n[0] == 0xe5 }
func (n name) label() bool  { return n[11]&isLabel != 0 }
func (n name) folder() bool { return n[11]&isFolder != 0 }
func (n name) size() uint32 { return order.Uint32(n[28:]) }
func (n name) start() uint32 {
	return (uint32(order.Uint16(n[20:]))<<16 | uint32(order.Uint16(n[26:]))) & valueMask
}

// String is the short name, in the case Linux and Windows show it.
func (n name) String() string {
	base, ending := strings.TrimRight(string(n[:8]), " "), strings.TrimRight(string(n[8:11]), " ")
	if n[12]&0x08 != 0 {
		base = strings.ToLower(base)
	}
	if n[12]&0x10 != 0 {
		ending = strings.ToLower(ending)
	}
	if ending != "" {
		base += "." + ending
	}
	return strings.ToValidUTF8(base, "?")
}

// opens tells whether a folder that starts at c begins like one.
func opens(content []byte, c uint32) bool {
	self, up := name(content), name(content[nameSize:])
	return string(self[:11]) == dot && self.folder() && self.start() == c &&
		string(up[:11]) == dotDot && up.folder()
}

// plausible tells whether a cluster could hold the further names of a folder.
func plausible(content []byte, v volume) bool {
	for n := range slices.Chunk(content, nameSize) {
		n := name(n)
		switch {
		case n.unused():
		case n[11]&0xc0 != 0, n[11] != 0x0f && (n[0] == '.' || n.start() != 0 && !v.in(n.start())):
			return false
		}
	}
	return true
}
