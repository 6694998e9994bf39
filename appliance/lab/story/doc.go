// Package story is the language of the story tests: scripts (testscript) in
// which a nursery is built, devices join it, people sign and the technician
// approves. The same scripts run against the gateway's processes and, in
// image/vm, against the image in a machine of its own.
package story
