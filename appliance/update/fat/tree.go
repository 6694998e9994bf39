package fat

import (
	"slices"
	"strings"
)

// tree follows every name.
func (s *survey) tree() error {
	s.claimed, s.length = make([]bool, s.count+2), make([]uint32, s.count+2)
	s.folders = []folder{{start: s.root}}
	for i := 0; i < len(s.folders); i++ {
		if err := s.folder(int32(i)); err != nil {
			return err
		}
	}
	return nil
}

// folder follows a folder's own chain and every name in it.
func (s *survey) folder(i int32) error {
	content := make([]byte, s.cluster)
	f := s.folders[i]
	for c, before := f.start, uint32(0); ; {
		switch {
		case !s.in(c) || s.value(c) == bad:
			s.report.add(Fault{Kind: Broken, Path: s.path(i, "")})
			return nil
		case s.claimed[c]:
			s.report.add(Fault{Kind: Crossed, Path: s.path(i, "")})
			return nil
		}
		if err := readAt(s.r, content, s.at(c), "the folder "+s.path(i, "")); err != nil {
			return err
		}
		switch {
		case before == 0 && i != 0 && !opens(content, c):
			s.report.add(Fault{Kind: Broken, Path: s.path(i, "")})
			return nil
		case s.value(c) != free:
		case before == 0 && i == 0:
			// A first folder is never new: this is not the trace of a power cut.
			s.report.add(Fault{Kind: Broken, Path: s.path(i, "")})
			return nil
		case before != 0 && !plausible(content, s.volume):
			s.report.add(Fault{Kind: Open, Path: s.path(i, "")})
			s.set(before, last)
			return nil
		default:
			s.report.add(Fault{Kind: Open, Path: s.path(i, "")})
			s.set(c, last)
		}
		s.claimed[c] = true
		at := 0
		if before == 0 && i != 0 {
			at = 2 * nameSize // itself, and the folder it is in
		}
		for ; at < len(content); at += nameSize {
			if n := name(content[at : at+nameSize]); !n.unused() {
				s.used = true
				s.entry(i, n, s.at(c)+int64(at))
			}
		}
		if s.value(c) > bad {
			return nil
		}
		before, c = c, s.value(c)
	}
}

// entry follows one name.
func (s *survey) entry(in int32, n name, at int64) {
	switch {
	case n.label():
	case n.folder():
		s.folders = append(s.folders, folder{parent: in, start: n.start(), name: n.String()})
		if len(s.folders) > int(s.count) {
			// More folders than clusters: some of them must meet.
			s.folders = s.folders[:len(s.folders)-1]
			s.report.add(Fault{Kind: Crossed, Path: s.path(in, n.String())})
		}
	case n.size() == 0 && n.start() != 0:
		s.report.add(Fault{Kind: Empty, Path: s.path(in, n.String())})
		if s.edits = append(s.edits, at); len(s.edits) > mostEdits {
			s.edits = s.edits[:mostEdits]
			s.report.add(Fault{Kind: TooMany})
		}
	case n.size() != 0:
		for _, k := range s.file(n.start(), int((int64(n.size())+s.cluster-1)/s.cluster)) {
			s.report.add(Fault{Kind: k, Path: s.path(in, n.String())})
		}
	}
}

// file follows a file's chain as far as its size reaches.
func (s *survey) file(start uint32, holds int) (kinds []Kind) {
	if start == 0 {
		return []Kind{Short}
	}
	for c, i := start, 1; ; i++ {
		switch {
		case !s.in(c) || s.value(c) == bad:
			return append(kinds, Broken)
		case s.claimed[c] && i == 1 && s.length[c] == uint32(holds):
			return append(kinds, Twin)
		case s.claimed[c]:
			return append(kinds, Crossed)
		case s.value(c) == free:
			s.set(c, last)
			kinds = append(kinds, Open)
		}
		s.claimed[c] = true
		next := s.value(c)
		switch {
		case next > bad && i < holds:
			s.length[start] = uint32(holds)
			return append(kinds, Short)
		case i == holds:
			s.length[start] = uint32(holds)
			if next <= bad {
				s.set(c, last)
				kinds = append(kinds, Tail)
			}
			return kinds
		}
		c = next
	}
}

// path is where a name stands; a folder's own without one.
func (s *survey) path(in int32, n string) string {
	parts := []string{n}
	for depth := 0; in != 0; in = s.folders[in].parent {
		if depth++; depth > 16 {
			parts = append(parts, "…")
			break
		}
		parts = append(parts, s.folders[in].name)
	}
	slices.Reverse(parts)
	if p := strings.TrimSuffix(strings.Join(parts, "/"), "/"); p != "" {
		return p
	}
	return "the first folder"
}
