package lab

// Binaries is where the tests have built the gateway.
var Binaries string

// The clients that speak encrypted DNS, and its servers.
var Encrypted, Resolve = encrypted, resolve
