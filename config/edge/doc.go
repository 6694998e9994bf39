// Package edge is the one wire between the writer (appliance) and the two
// answerers (dnsd, captived): HTTP/JSON over one unix socket, and the dropping
// of privileges on the answerers' side of it.
//
//	GET  /snapshot?after=N  the snapshot that is not N; waits up to 30 s, then 204
//	POST /sign              SignRequest → Answer
//	POST /sign-out          SignRequest (Addr only) → Answer
//	POST /why               Question → Reason: may this address open this name?
//	POST /go-on             GoOnRequest → Answer: past a warning, with a reason
//	POST /queries           Batch → 204
//
// Without "after" the present snapshot is sent at once. The server checks
// SO_PEERCRED, and each may call its own verbs only. What an answerer says is
// limited in size and checked strictly; what the writer says is believed.
//
// Every method of Client and the handler behind Serve may be used from any
// number of goroutines. DropPrivileges is called once, from main.
package edge
