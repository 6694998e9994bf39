// Package admin serves the technician's pages: devices, signatures, groups,
// settings, who is online, the query log and the audit, over HTTPS.
//
// Pages are plain HTML made on the box (html/template on govuk-frontend's
// styles); each works without a script and at 320 pixels. Whatever a person
// types wrongly comes back with a sentence and with everything they typed.
//
// # Who gets in
//
// The firewall lets only the devices of groups with Admin set reach the port.
// Behind it a person signs in with an account; while there is none, every page
// leads to the set-up page, which asks for the code on the box's console.
// Passwords are kept as argon2id. Ten wrong ones in five minutes lock the
// account, and the address they came from.
//
// # What a request passes, in this order
//
//  1. headers: the content security policy and its kin stand on every answer,
//     refusals included
//  2. host: only the box's own names and addresses, so that a web site cannot
//     reach these pages through a DNS name of its own (rebinding)
//  3. cross-origin: a form of another site is refused before anything reads it
//  4. size: a body is cut at 1 MiB
//  5. account: no account yet leads to /setup, no session leads to /login
//  6. token: a form must carry the session's own token
//
// A panic in a page costs that page.
//
// # What the school decides about the filter
//
// Groups, rules, timetables and the calendar are settings: a form becomes a
// candidate of the settings' text, in which only the letters of that value
// change; it is shown in sentences, tried, and kept or taken back like any other.
// Opening something for a while is a record: it takes itself back. Nothing here
// opens a locked category; the filter would not do it either.
//
// # What it changes
//
// Every change goes through records and is audited with the name of who made
// it; then Kick wakes the reconcile loop. The package keeps no state of its own
// but the counters of wrong passwords.
//
// A Server may be used from any number of goroutines.
package admin
