package main

import (
	"os"
	"os/signal"
	"sync"
	"syscall"
)

// children are the commands that run; process 1 collects these and every orphan.
type children struct {
	lock  sync.Mutex
	known map[int]chan syscall.WaitStatus
}

func newChildren() *children { return &children{known: map[int]chan syscall.WaitStatus{}} }

// start a program; its status comes by the channel. The lock keeps the reaper off until the child is known.
func (children *children) start(program string, asked request, pipes *pipes, group group) (<-chan syscall.WaitStatus, error) {
	about := &syscall.SysProcAttr{Setsid: true}
	folder := "/"
	if os.Geteuid() == 0 {
		about.Credential = &syscall.Credential{Uid: sandbox, Gid: sandbox}
	}
	if group.folder != nil {
		folder = work
		about.UseCgroupFD, about.CgroupFD = true, int(group.folder.Fd())
	}
	children.lock.Lock()
	defer children.lock.Unlock()
	process, err := os.StartProcess(program, asked.Argv, &os.ProcAttr{
		Dir: folder, Env: environment(asked.Env), Files: pipes.theirs, Sys: about,
	})
	if err != nil {
		return nil, err
	}
	ended := make(chan syscall.WaitStatus, 1)
	children.known[process.Pid] = ended
	_ = process.Release()
	return ended, nil
}

func environment(extra map[string]string) []string {
	env := []string{"PATH=" + os.Getenv("PATH"), "HOME=" + work, "LANG=C.UTF-8"}
	for name, value := range extra {
		env = append(env, name+"="+value)
	}
	return env
}

// reap waits for every child as it ends.
func reap(children *children) {
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, syscall.SIGCHLD)
	for ; ; <-ended {
		for children.reapOne() {
		}
	}
}

func (children *children) reapOne() bool {
	children.lock.Lock()
	defer children.lock.Unlock()
	var status syscall.WaitStatus
	pid, err := syscall.Wait4(-1, &status, syscall.WNOHANG, nil)
	if err != nil || pid <= 0 {
		return false
	}
	if waiter, ok := children.known[pid]; ok {
		waiter <- status
		delete(children.known, pid)
	}
	return true
}
