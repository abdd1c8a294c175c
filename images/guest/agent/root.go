package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	rootDisk    = "/dev/vda"
	newRoot     = "/root"
	verityBlock = 4096
	sector      = 512
	patience    = 5 * time.Second // for a device to show up
)

// changeRoot mounts the read-only root under dm-verity and makes it /. asked is <data blocks>:<root hash>.
func changeRoot(asked string) error {
	blocks, hash, err := parseRoot(asked)
	if err != nil {
		return err
	}
	if err := await(rootDisk); err != nil {
		return err
	}
	if err := verity(rootDisk, blocks, hash); err != nil {
		return fmt.Errorf("dm-verity: %w", err)
	}
	flags := uintptr(unix.MS_RDONLY | unix.MS_NOSUID | unix.MS_NODEV)
	if err := unix.Mount("/dev/dm-0", newRoot, "squashfs", flags, ""); err != nil {
		return fmt.Errorf("the root file system is not the one that was built (or its disk is damaged): %w", err)
	}
	for _, each := range early {
		if err := unix.Mount(each.target, newRoot+each.target, "", unix.MS_MOVE, ""); err != nil {
			return fmt.Errorf("move %s: %w", each.target, err)
		}
	}
	if err := os.Chdir(newRoot); err != nil {
		return err
	}
	if err := unix.Mount(".", "/", "", unix.MS_MOVE, ""); err != nil {
		return fmt.Errorf("change the root: %w", err)
	}
	if err := unix.Chroot("."); err != nil {
		return err
	}
	return os.Chdir("/")
}

// parseRoot reads <data blocks>:<sha256 in hex>.
func parseRoot(asked string) (uint64, string, error) {
	count, hash, _ := strings.Cut(asked, ":")
	blocks, err := strconv.ParseUint(count, 10, 40)
	if err != nil || blocks == 0 || len(hash) != 64 || strings.Trim(hash, "0123456789abcdef") != "" {
		return 0, "", fmt.Errorf("bastide.root=%q is not <data blocks>:<sha256>", asked)
	}
	return blocks, hash, nil
}

func await(path string) error {
	for ends := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		if _, err := os.Stat(path); err == nil {
			return nil
		}
		if time.Now().After(ends) {
			return fmt.Errorf("no %s: the monitor gave no root disk", path)
		}
	}
}

// The device mapper's ioctls: include/uapi/linux/dm-ioctl.h of Linux 6.12.
const (
	dmHeader   = 312
	dmTarget   = 40
	dmCreate   = 0xc138fd03
	dmSuspend  = 0xc138fd06
	dmLoad     = 0xc138fd09
	dmReadonly = 1
)

// verity makes /dev/dm-0 of a disk that holds blocks of data and then the hash tree, without a superblock.
func verity(disk string, blocks uint64, hash string) error {
	control, err := os.OpenFile("/dev/mapper/control", os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer control.Close()
	table := fmt.Sprintf("1 %s %s %d %d %d %d sha256 %s -", disk, disk, verityBlock, verityBlock, blocks, blocks, hash)
	steps := []struct {
		name    string
		request uintptr
		body    []byte
	}{
		{"create", dmCreate, nil},
		{"table", dmLoad, target(blocks*verityBlock/sector, table)},
		{"resume", dmSuspend, nil},
	}
	for _, step := range steps {
		message := header(step.body)
		if _, _, errno := unix.Syscall(unix.SYS_IOCTL, control.Fd(), step.request, uintptr(unsafe.Pointer(&message[0]))); errno != 0 {
			return fmt.Errorf("%s: %w", step.name, errno)
		}
	}
	return await("/dev/dm-0")
}

func header(body []byte) []byte {
	message := make([]byte, dmHeader, dmHeader+len(body))
	order := binary.LittleEndian
	order.PutUint32(message[0:], 4) // version 4.0.0
	order.PutUint32(message[12:], uint32(dmHeader+len(body)))
	order.PutUint32(message[16:], dmHeader)
	if body != nil {
		order.PutUint32(message[20:], 1)
		order.PutUint32(message[28:], dmReadonly)
	}
	copy(message[48:], "root")
	return append(message, body...)
}

func target(sectors uint64, parameters string) []byte {
	spec := make([]byte, dmTarget)
	binary.LittleEndian.PutUint64(spec[8:], sectors)
	copy(spec[24:], "verity")
	padded := make([]byte, (len(parameters)+8)&^7)
	copy(padded, parameters)
	return bytes.Join([][]byte{spec, padded}, nil)
}
