// The agent of the microVM guest: process 1. It brings the machine up, says hello and serves requests.
package main

import (
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// version of the protocol and of this program, in the hello.
const version = "1"

func main() {
	if os.Getpid() != 1 {
		listenOnly()
		return
	}
	machine, err := start()
	if err != nil {
		fatal(err)
	}
	server := newServer(machine)
	go reap(server.children)
	fatal(server.everywhere())
}

// listenOnly serves one vsock port without touching the machine: to try the listener by itself.
func listenOnly() {
	server := newServer(machine{peers: anyPeer})
	go reap(server.children)
	if err := server.vsock(); err != nil {
		say("vsock: " + err.Error())
		os.Exit(1)
	}
}

// fatal tells the console why the machine cannot go on, and ends it: the monitor sees it stop.
func fatal(err error) {
	say("cannot go on: " + err.Error())
	time.Sleep(50 * time.Millisecond) // the serial line drains
	_ = unix.Reboot(unix.LINUX_REBOOT_CMD_RESTART)
	os.Exit(1)
}

// say writes one line to the console.
func say(text string) { _, _ = os.Stderr.WriteString("bastide-agent: " + text + "\n") }
