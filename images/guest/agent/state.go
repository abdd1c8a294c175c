package main

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	fileLimit = 512 << 10 // bytes of a file, either way
	seedLeast = 32
	seedMost  = 512
)

// folder is where put and get work; tests name another.
var folder = work

// put writes a file below the work folder, for the unprivileged user: readers see the old one or the new one.
func put(asked request) error {
	if len(asked.Data) > fileLimit {
		return fmt.Errorf("put: %d bytes, at most %d", len(asked.Data), fileLimit)
	}
	root, err := open(asked.Path)
	if err != nil {
		return err
	}
	defer root.Close()
	if about, err := root.Lstat(asked.Path); err == nil && !about.Mode().IsRegular() {
		return fmt.Errorf("put: %s is no plain file", asked.Path)
	}
	parent := filepath.Dir(asked.Path)
	if err := root.MkdirAll(parent, 0o700); err != nil {
		return fmt.Errorf("put: %w", err)
	}
	if err := own(root, parent); err != nil {
		return err
	}
	draft := filepath.Join(parent, fmt.Sprintf(".put-%x", rand.Uint64()))
	err = write(root, draft, asked)
	if err == nil {
		err = root.Rename(draft, asked.Path)
	}
	if err != nil {
		_ = root.Remove(draft)
		return fmt.Errorf("put: %w", err)
	}
	return nil
}

// write makes a file that was not there.
func write(root *os.Root, path string, asked request) error {
	file, err := root.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	mode := os.FileMode(asked.Mode & 0o777)
	if asked.Mode == 0 {
		mode = 0o600
	}
	_, err = file.Write(asked.Data)
	err = errors.Join(err, file.Chmod(mode))
	if os.Geteuid() == 0 {
		err = errors.Join(err, file.Chown(sandbox, sandbox))
	}
	return errors.Join(err, file.Close())
}

func own(root *os.Root, path string) error {
	if os.Geteuid() != 0 {
		return nil
	}
	for ; path != "."; path = filepath.Dir(path) {
		if err := root.Lchown(path, sandbox, sandbox); err != nil {
			return err
		}
	}
	return nil
}

// get reads a file below the work folder.
func get(asked request) ([]byte, error) {
	root, err := open(asked.Path)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	file, err := root.OpenFile(asked.Path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("get: %w", err)
	}
	defer file.Close()
	about, err := file.Stat()
	if err != nil || !about.Mode().IsRegular() {
		return nil, fmt.Errorf("get: %s is no plain file", asked.Path)
	}
	data, err := io.ReadAll(io.LimitReader(file, fileLimit+1))
	if len(data) > fileLimit {
		return nil, fmt.Errorf("get: %s has over %d bytes", asked.Path, fileLimit)
	}
	return data, err
}

// open the work folder for a path inside it; os.Root keeps links inside too.
func open(path string) (*os.Root, error) {
	if !filepath.IsLocal(path) || path == "." {
		return nil, fmt.Errorf("path %q is not below %s", path, folder)
	}
	return os.OpenRoot(folder)
}

// setTime sets the clock, in seconds since 1970, and tells what it is then: a resumed guest is late.
func setTime(seconds float64) (float64, error) {
	if seconds < 1.6e9 || seconds > 4.1e9 { // September 2020 to 2099
		return 0, fmt.Errorf("time: unix is %v, which is no time of this century", seconds)
	}
	whole := int64(seconds)
	wanted := unix.Timespec{Sec: whole, Nsec: int64((seconds - float64(whole)) * 1e9)}
	if err := unix.ClockSettime(unix.CLOCK_REALTIME, &wanted); err != nil {
		return 0, fmt.Errorf("time: %w", err)
	}
	var now unix.Timespec
	err := unix.ClockGettime(unix.CLOCK_REALTIME, &now)
	return float64(now.Nano()) / 1e9, err
}

// reseed mixes the host's seed into the kernel's generator and makes it draw a new key at once: resumed
// twins would else give the same numbers. random(4): RNDADDENTROPY and RNDRESEEDCRNG.
func reseed(seed []byte) error {
	if len(seed) < seedLeast || len(seed) > seedMost {
		return fmt.Errorf("entropy: %d bytes, not %d to %d", len(seed), seedLeast, seedMost)
	}
	device, err := os.OpenFile("/dev/urandom", os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer device.Close()
	var pool struct {
		bits, size int32
		data       [seedMost]byte
	}
	pool.bits, pool.size = int32(len(seed)*8), int32(len(seed))
	copy(pool.data[:], seed)
	const addEntropy, reseedNow = 0x40085203, 0x5207
	for _, step := range []struct{ request, argument uintptr }{{addEntropy, uintptr(unsafe.Pointer(&pool))}, {reseedNow, 0}} {
		if _, _, errno := unix.Syscall(unix.SYS_IOCTL, device.Fd(), step.request, step.argument); errno != 0 {
			return fmt.Errorf("entropy: %w", errno)
		}
	}
	return nil
}
