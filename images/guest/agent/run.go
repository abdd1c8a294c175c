package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	sandbox      = 65532 // uid and gid of what runs
	work         = "/work"
	groups       = "/sys/fs/cgroup"
	outputLimit  = 256 << 10 // bytes kept of each of stdout and stderr
	longest      = time.Hour
	usual        = 30 * time.Second
	processLimit = "512" // processes and threads of one command
)

// outcome of a command: its exit code, or 128 and the signal that ended it.
type outcome struct {
	Exit      int    `json:"exit"`
	Stdout    []byte `json:"stdout"`
	Stderr    []byte `json:"stderr"`
	Truncated bool   `json:"truncated,omitempty"`
	TimedOut  bool   `json:"timed_out,omitempty"`
}

var counter atomic.Int64

// run starts a command as the unprivileged user, waits for it and ends all that it left behind.
func (children *children) run(asked request) (*outcome, error) {
	patience, err := checkRun(asked)
	if err != nil {
		return nil, err
	}
	program, err := lookUp(asked.Argv[0])
	if err != nil {
		return nil, err
	}
	group, err := newGroup()
	if err != nil {
		return nil, err
	}
	defer group.remove()
	pipes, err := newPipes(asked.Stdin)
	if err != nil {
		return nil, err
	}
	ended, err := children.start(program, asked, pipes, group)
	pipes.closeTheirs()
	if err != nil {
		pipes.closeOurs()
		return nil, err
	}
	done := &outcome{}
	select {
	case status := <-ended:
		done.Exit = code(status)
	case <-time.After(patience):
		done.TimedOut = true
		group.kill()
		done.Exit = code(<-ended)
	}
	group.kill() // what it left behind would keep the pipes open
	done.Stdout, done.Stderr, done.Truncated = pipes.collected()
	return done, nil
}

func checkRun(asked request) (time.Duration, error) {
	if len(asked.Argv) == 0 || asked.Argv[0] == "" {
		return 0, errors.New("run: argv names no program")
	}
	for _, word := range asked.Argv {
		if strings.ContainsRune(word, 0) {
			return 0, errors.New("run: a word of argv holds a zero byte")
		}
	}
	if asked.Seconds == 0 {
		return usual, nil
	}
	if asked.Seconds < 0 || asked.Seconds > longest.Seconds() {
		return 0, fmt.Errorf("run: seconds is %v, not in 0 to %v", asked.Seconds, longest.Seconds())
	}
	return time.Duration(asked.Seconds * float64(time.Second)), nil
}

// lookUp finds a program by its path or, for a bare name, on PATH.
func lookUp(name string) (string, error) {
	candidates := []string{name}
	if !strings.Contains(name, "/") {
		candidates = nil
		for _, folder := range filepath.SplitList(os.Getenv("PATH")) {
			candidates = append(candidates, filepath.Join(folder, name))
		}
	}
	for _, path := range candidates {
		if about, err := os.Stat(path); err == nil && about.Mode().IsRegular() && about.Mode()&0o111 != 0 {
			return path, nil
		}
	}
	return "", fmt.Errorf("run: no program %q in this image", name)
}

func code(status syscall.WaitStatus) int {
	if status.Signaled() {
		return 128 + int(status.Signal())
	}
	return status.ExitStatus()
}

// group is the control group of one command; the zero value has none.
type group struct{ folder *os.File }

func newGroup() (group, error) {
	path := filepath.Join(groups, "run-"+strconv.FormatInt(counter.Add(1), 10))
	if _, err := os.Stat(filepath.Join(groups, "cgroup.procs")); err != nil {
		return group{}, nil // not in the guest: a try of the listener by itself
	}
	_ = os.WriteFile(filepath.Join(groups, "cgroup.subtree_control"), []byte("+pids"), 0)
	if err := os.Mkdir(path, 0o755); err != nil {
		return group{}, err
	}
	if err := os.WriteFile(filepath.Join(path, "pids.max"), []byte(processLimit), 0); err != nil {
		return group{}, errors.Join(err, os.Remove(path))
	}
	folder, err := os.Open(path)
	return group{folder: folder}, err
}

func (group group) kill() {
	if group.folder != nil {
		_ = os.WriteFile(filepath.Join(group.folder.Name(), "cgroup.kill"), []byte("1"), 0)
	}
}

// remove waits until the killed are gone: a folder with members cannot be removed.
func (group group) remove() {
	if group.folder == nil {
		return
	}
	_ = group.folder.Close()
	for range 1000 {
		if err := os.Remove(group.folder.Name()); !errors.Is(err, syscall.EBUSY) {
			return
		}
		time.Sleep(time.Millisecond)
	}
}

// pipes of a command: what it reads, and the kept part of what it writes.
type pipes struct {
	theirs, ours []*os.File
	kept         [2][]byte
	over         [2]bool
	waiting      sync.WaitGroup
}

func newPipes(stdin []byte) (*pipes, error) {
	made := &pipes{}
	for range 3 {
		reader, writer, err := os.Pipe()
		if err != nil {
			made.closeTheirs()
			made.closeOurs()
			return nil, err
		}
		if len(made.theirs) == 0 {
			reader, writer = writer, reader
		}
		made.ours, made.theirs = append(made.ours, reader), append(made.theirs, writer)
	}
	go func() {
		_, _ = made.ours[0].Write(stdin)
		_ = made.ours[0].Close()
	}()
	made.waiting.Add(2)
	for index := range 2 {
		go made.keep(index)
	}
	return made, nil
}

func (pipes *pipes) keep(index int) {
	defer pipes.waiting.Done()
	from := pipes.ours[index+1]
	pipes.kept[index], _ = io.ReadAll(io.LimitReader(from, outputLimit))
	rest, _ := io.Copy(io.Discard, from)
	pipes.over[index] = rest > 0
}

func (pipes *pipes) collected() ([]byte, []byte, bool) {
	pipes.waiting.Wait()
	pipes.closeOurs()
	return pipes.kept[0], pipes.kept[1], pipes.over[0] || pipes.over[1]
}

func (pipes *pipes) closeTheirs() { closeAll(pipes.theirs) }

func (pipes *pipes) closeOurs() { closeAll(pipes.ours) }

func closeAll(files []*os.File) {
	for _, file := range files {
		_ = file.Close()
	}
}
