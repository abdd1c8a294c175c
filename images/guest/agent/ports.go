package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

const (
	vsockPort = 1024
	portName  = "dev.bastide.agent" // of the virtio serial port
	hostCID   = unix.VMADDR_CID_HOST
)

func hostOnly(cid uint32) bool { return cid == hostCID }

func anyPeer(uint32) bool { return true }

// everywhere serves all ways in that the machine has; an error where there is none.
func (server *server) everywhere() error {
	failed := make(chan error)
	ways := 0
	if path := serialPort(); path != "" {
		ways++
		go func() { failed <- server.serial(path) }()
	}
	if _, err := os.Stat("/dev/vsock"); err == nil {
		ways++
		go func() { failed <- server.vsock() }()
	}
	if ways == 0 {
		return fmt.Errorf("no vsock device and no virtio serial port named %s: nobody can reach the agent", portName)
	}
	return <-failed
}

// serialPort is the device of the port named portName, empty where there is none.
func serialPort() string {
	names, _ := filepath.Glob("/sys/class/virtio-ports/*/name")
	for _, path := range names {
		if content, _ := os.ReadFile(path); strings.TrimSpace(string(content)) == portName {
			return "/dev/" + filepath.Base(filepath.Dir(path))
		}
	}
	return ""
}

// serial serves one host after the other. A write waits until a host is there, so the hello reaches each.
func (server *server) serial(path string) error {
	descriptor, err := unix.Open(path, unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	port := os.NewFile(uintptr(descriptor), path)
	for {
		server.talk(port)
		time.Sleep(5 * time.Millisecond)
	}
}

// vsock listens on vsockPort; each connection is served by itself.
func (server *server) vsock() error {
	listener, err := unix.Socket(unix.AF_VSOCK, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(listener)
	if err := unix.Bind(listener, &unix.SockaddrVM{CID: unix.VMADDR_CID_ANY, Port: vsockPort}); err != nil {
		return fmt.Errorf("vsock port %d: %w", vsockPort, err)
	}
	if err := unix.Listen(listener, 16); err != nil {
		return err
	}
	for {
		socket, peer, err := unix.Accept4(listener, unix.SOCK_CLOEXEC)
		if err != nil {
			continue
		}
		connection := os.NewFile(uintptr(socket), "vsock")
		if address, ok := peer.(*unix.SockaddrVM); !ok || !server.machine.peers(address.CID) {
			_, _ = io.WriteString(connection, `{"ok":false,"error":"only the host may speak to the agent"}`+"\n")
			_ = connection.Close()
			continue
		}
		go func() {
			defer connection.Close()
			server.talk(connection)
		}()
	}
}
