package admin

import "net/http"

// routes is every address of these pages. The wrapper says who may open it.
func (s *Server) routes(assets http.Handler) *http.ServeMux {
	m := http.NewServeMux()

	// Everybody who reaches the port.
	m.Handle("GET /static/", assets)
	m.HandleFunc("GET /certificate", s.showCertificate)
	m.HandleFunc("GET /ca.crt", s.downloadDER)
	m.HandleFunc("GET /ca.pem", s.downloadPEM)
	m.HandleFunc("GET /setup", s.showSetup)
	m.HandleFunc("POST /setup", s.setUp)
	m.HandleFunc("GET /login", s.showLogin)
	m.HandleFunc("POST /login", s.logIn)

	// A technician's browser, or a program with a token of its own.
	m.HandleFunc("GET /metrics", s.showMetrics)

	// People who are signed in.
	for pattern, page := range map[string]http.HandlerFunc{
		"GET /{$}":                   s.showOverview,
		"POST /logout":               s.logOut,
		"GET /devices":               s.showDevices,
		"GET /devices/{mac}":         s.showDevice,
		"POST /devices/{mac}":        s.approveDevice,
		"GET /devices/{mac}/revoke":  s.askRevoke,
		"POST /devices/{mac}/revoke": s.revokeDevice,
		"GET /online":                s.showOnline,
		"GET /online/end":            s.askEndSessions,
		"POST /online/end":           s.endSessions,
		"GET /online/{mac}/end":      s.askEndSession,
		"POST /online/{mac}/end":     s.endSession,
		"GET /signatures":            s.showSignatures,
		"GET /signatures/{id}":       s.showSignature,
		"GET /signatures.csv":        s.downloadSignatures,
		"GET /groups":                s.showGroups,
		"POST /groups":               s.checkGroups,
		"GET /queries":               s.showQueries,
		"POST /queries":              s.askQueries,
		"GET /queries/export":        s.askExport,
		"POST /queries/export":       s.exportQueries,
		"GET /queries/erase":         s.askErase,
		"POST /queries/erase":        s.eraseQueries,
		"GET /queries/keep":          s.askKeep,
		"POST /queries/keep":         s.keepQueries,
		"GET /monitoring":            s.showMonitoring,
		"POST /monitoring":           s.makeMonitoring,
		"POST /monitoring/remove":    s.removeMonitoring,
		"GET /settings":              s.showSettings,
		"POST /settings":             s.checkSettings,
		"POST /settings/try":         s.trySettings,
		"GET /settings/trial":        s.showTrial,
		"POST /settings/keep":        s.keepSettings,
		"POST /settings/revert":      s.revertSettings,
		"GET /settings/history":      s.showHistory,
		"GET /settings/reference":    s.showReference,
		"GET /audit":                 s.showAudit,
		"GET /account":               s.showAccount,
		"POST /account":              s.changePassword,
		"/":                          s.showNothing,
	} {
		m.HandleFunc(pattern, s.member(page))
	}
	s.listRoutes(m)
	s.updateRoutes(m)
	s.policyRoutes(m)
	return m
}

// showNothing answers addresses that are no page, and forms sent to a page that
// has none. It stands behind the sign-in: a stranger learns nothing of what there is.
func (s *Server) showNothing(w http.ResponseWriter, r *http.Request) {
	s.sorry(w, r, http.StatusNotFound, "There is no such page", "The address may be mistyped. Choose a page from the menu.")
}
