package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

const lineLimit = 1 << 20 // bytes of a request

// request is one line from the host. Which fields belong to which operation: docs of the image.
type request struct {
	ID      int64             `json:"id"`
	Op      string            `json:"op"`
	Argv    []string          `json:"argv,omitempty"`
	Env     map[string]string `json:"env,omitempty"`
	Stdin   []byte            `json:"stdin,omitempty"`
	Seconds float64           `json:"seconds,omitempty"`
	Path    string            `json:"path,omitempty"`
	Data    []byte            `json:"data,omitempty"`
	Mode    uint32            `json:"mode,omitempty"`
	Unix    float64           `json:"unix,omitempty"`
}

// answer is one line to the host.
type answer struct {
	ID    *int64 `json:"id,omitempty"`
	OK    bool   `json:"ok"`
	Error string `json:"error,omitempty"`
	*greeting
	*outcome
	Data []byte   `json:"data,omitempty"`
	Unix *float64 `json:"unix,omitempty"`
}

// greeting is the hello.
type greeting struct {
	Hello   string `json:"hello"`
	Version string `json:"version"`
	Kernel  string `json:"kernel"`
	BootMS  int64  `json:"boot_ms"`
	BootID  string `json:"boot_id"`
	Image   string `json:"image"`
	Root    string `json:"root"`
}

type server struct {
	machine  machine
	children *children
	greeting greeting
}

func newServer(machine machine) *server {
	bootID, _ := os.ReadFile("/proc/sys/kernel/random/boot_id")
	var since unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_BOOTTIME, &since)
	return &server{machine: machine, children: newChildren(), greeting: greeting{
		Hello: "bastide-agent", Version: version, Kernel: machine.kernel, BootMS: since.Nano() / 1e6,
		BootID: strings.TrimSpace(string(bootID)), Image: machine.image, Root: machine.root,
	}}
}

// talk says hello and answers line by line until the host goes.
func (server *server) talk(host io.ReadWriter) {
	if send(host, answer{OK: true, greeting: &server.greeting}) != nil {
		return
	}
	lines := bufio.NewReaderSize(host, 64<<10)
	for {
		line, err := readLine(lines)
		if err != nil && !errors.Is(err, errLong) {
			return
		}
		reply := answer{Error: fmt.Sprintf("a request has at most %d bytes", lineLimit)}
		if err == nil {
			reply = server.answer(line)
		}
		if send(host, reply) != nil {
			return
		}
	}
}

var errLong = errors.New("line too long")

// readLine reads to the next newline; a line over lineLimit is read to its end and refused.
func readLine(lines *bufio.Reader) ([]byte, error) {
	var line []byte
	for {
		part, err := lines.ReadSlice('\n')
		if len(line) <= lineLimit {
			line = append(line, part...)
		}
		if err == nil {
			break
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return nil, err
		}
	}
	if len(line) > lineLimit {
		return nil, errLong
	}
	return line, nil
}

func send(host io.Writer, reply answer) error {
	line, err := json.Marshal(reply)
	if err != nil {
		return err
	}
	_, err = host.Write(append(line, '\n'))
	return err
}

// answer does what one line asks, or says why not.
func (server *server) answer(line []byte) answer {
	var asked request
	decoder := json.NewDecoder(bytes.NewReader(line))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&asked); err != nil {
		return answer{Error: "no request: " + err.Error()}
	}
	reply, err := server.do(asked)
	reply.ID = &asked.ID
	reply.OK = err == nil
	if err != nil {
		reply.Error = err.Error()
	}
	return reply
}

func (server *server) do(asked request) (answer, error) {
	switch asked.Op {
	case "hello":
		return answer{greeting: &server.greeting}, nil
	case "run":
		done, err := server.children.run(asked)
		return answer{outcome: done}, err
	case "put":
		return answer{}, put(asked)
	case "get":
		data, err := get(asked)
		return answer{Data: data}, err
	case "time":
		now, err := setTime(asked.Unix)
		return answer{Unix: &now}, err
	case "entropy":
		return answer{}, reseed(asked.Data)
	}
	return answer{}, fmt.Errorf("op %q is none of hello, run, put, get, time, entropy", asked.Op)
}
