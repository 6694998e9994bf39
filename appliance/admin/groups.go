package admin

import (
	"net/http"
	"slices"

	"stairgate/config/identity"
)

type groupsPage struct {
	Etag       string
	Groups     []groupBlock
	Categories []identity.CategoryInfo
}

type groupBlock struct {
	identity.Group
	Categories []categoryBox
}

type categoryBox struct {
	identity.CategoryInfo
	Field   string
	Blocked bool
}

func (s *Server) showGroups(w http.ResponseWriter, r *http.Request) {
	cfg, etag := s.o.Config.Current()
	p := s.page(r, "groups", "Groups")
	body := groupsPage{Etag: etag, Categories: identity.Categories()}
	for _, g := range cfg.Groups {
		b := groupBlock{Group: g}
		for _, c := range identity.Categories() {
			b.Categories = append(b.Categories, categoryBox{c, blockField(g.ID), c.Locked || slices.Contains(g.Block, c.ID)})
		}
		body.Groups = append(body.Groups, b)
	}
	p.Body = body
	s.render(w, http.StatusOK, "groups", p)
}

func blockField(group string) string { return "block-" + group }

// checkGroups turns the ticks into a candidate configuration and shows what it
// would change, like any other change of settings.
func (s *Server) checkGroups(w http.ResponseWriter, r *http.Request) {
	f := readForm(r)
	cfg, _ := s.o.Config.Current()
	groups := slices.Clone(cfg.Groups)
	for i, g := range groups {
		if f.Value("group-"+g.ID) == "" {
			continue // made since the page was shown: as it is
		}
		var block []identity.Category
		for _, c := range identity.Categories() {
			// A locked category is blocked whatever a browser sends.
			if !c.Locked && f.Has(blockField(g.ID), string(c.ID)) {
				block = append(block, c.ID)
			}
		}
		groups[i].Block = keepOrder(g.Block, block)
	}
	cfg.Groups = groups
	text, _ := s.o.Config.Text()
	s.propose(w, r, filled("config", string(withBlocks(text, cfg)), "etag", f.Value("etag")))
}

// keepOrder is the new choice in the order the old one was written in, new ones
// at the end, so that the file changes only where the choice did. Locked
// categories that somebody wrote there stay: they change nothing.
func keepOrder(old, chosen []identity.Category) []identity.Category {
	var out []identity.Category
	for _, c := range old {
		info, known := c.Info()
		if slices.Contains(chosen, c) || (known && info.Locked) {
			out = append(out, c)
		}
	}
	for _, c := range chosen {
		if !slices.Contains(out, c) {
			out = append(out, c)
		}
	}
	return out
}
