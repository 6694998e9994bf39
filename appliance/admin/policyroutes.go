package admin

import "net/http"

// policyRoutes are the addresses of what the school decides about the filter.
// All but openings for a while are settings: checked, tried, kept.
func (s *Server) policyRoutes(m *http.ServeMux) {
	for pattern, page := range map[string]http.HandlerFunc{
		"GET /rules":                      s.showRules,
		"GET /rules/new":                  s.newRule,
		"POST /rules/new":                 s.saveRule,
		"GET /rules/at/{id}":              s.showRule,
		"POST /rules/at/{id}":             s.saveRule,
		"POST /rules/at/{id}/remove":      s.removeRule,
		"GET /timetables":                 s.showTimetables,
		"GET /timetables/new":             s.newTimetable,
		"POST /timetables/new":            s.saveTimetable,
		"GET /timetables/at/{id}":         s.showTimetable,
		"POST /timetables/at/{id}":        s.saveTimetable,
		"POST /timetables/at/{id}/remove": s.removeTimetable,
		"GET /timetables/calendar":        s.showCalendar,
		"POST /timetables/calendar":       s.saveCalendar,
		"GET /open":                       s.showUnblocks,
		"POST /open":                      s.unblock,
		"POST /open/{id}/end":             s.endUnblock,
		"GET /why":                        s.showWhy,
	} {
		m.HandleFunc(pattern, s.member(page))
	}
}
