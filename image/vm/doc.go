// Package vm runs the image in QEMU, with the lab's real clients around it.
//
//	   lab: world                    QEMU                        lab: switch
//	┌───────────────┐   ┌──────────────────────────┐   ┌────────────────────┐
//	│ isp0 (a tap) ─│───│ eth0                eth1 │───│─ box1 (a tap), br0 │── clients
//	└───────────────┘   │   the flashed image      │   │                    │
//	                    │                     eth2 │───│─ box2 (a tap), br1 │── visitors
//	                    └──────────────────────────┘   └────────────────────┘
//
// Machine is the hardware: it can be switched on, reset and have its power cut,
// and its serial console and its screen can be read. Disk is what stays when
// the power goes. Gateway is a Machine with a Disk in the place that the lab
// otherwise gives to the gateway's processes.
//
// The disk is a qcow2 overlay of the image. QEMU keeps the overlay's tables in
// its own memory until the guest asks for a flush, so killing QEMU also loses
// what a real drive would lose from its write cache: a guest that forgets to
// sync is found out.
//
// Where KVM works it is used; elsewhere QEMU translates (TCG), which makes the
// guest ten to thirty times slower.
package vm
