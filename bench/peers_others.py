"""The HTTP peers in Go, in JavaScript and in C."""

OTHER_PEERS = []
