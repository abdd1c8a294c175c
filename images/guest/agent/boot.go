package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	moduleList   = "/modules.json"
	virtioDriven = "/sys/bus/virtio/devices"
	mmioDevice   = "/sys/bus/acpi/devices/LNRO0005:00" // what a monitor without PCI announces its devices with
	blockID      = 2                                   // virtio device numbers: OASIS Virtio 1.2, section 5
	entropyID    = 4
	vsockID      = 19
)

// machine is what the boot found out.
type machine struct {
	kernel string
	image  string // digest of the image, as the monitor's command line told
	root   string // root hash of the file system
	peers  func(cid uint32) bool
}

type mount struct {
	source, target, kind string
	flags                uintptr
	data                 string
}

const quiet = unix.MS_NOSUID | unix.MS_NODEV

var early = []mount{
	{"proc", "/proc", "proc", quiet | unix.MS_NOEXEC, ""},
	{"sys", "/sys", "sysfs", quiet | unix.MS_NOEXEC, ""},
	{"dev", "/dev", "devtmpfs", unix.MS_NOSUID, "mode=0755"},
}

var late = []mount{
	{"run", "/run", "tmpfs", quiet, "mode=0755"},
	{"tmp", "/tmp", "tmpfs", quiet, "mode=1777"},
	{"work", work, "tmpfs", quiet, fmt.Sprintf("mode=0700,uid=%d,gid=%d", sandbox, sandbox)},
	{"cgroup2", groups, "cgroup2", quiet | unix.MS_NOEXEC, ""},
}

// start mounts, loads what the devices at hand need and changes to the verified root.
func start() (machine, error) {
	if err := mountAll(early); err != nil {
		return machine{}, err
	}
	asked, err := os.ReadFile("/proc/cmdline")
	if err != nil {
		return machine{}, err
	}
	words := options(string(asked))
	if err := load(words); err != nil {
		return machine{}, err
	}
	found := machine{image: words["bastide.image"], root: words["bastide.root"], peers: hostOnly}
	if found.root != "" {
		if err := changeRoot(found.root); err != nil {
			return machine{}, err
		}
	}
	if err := mountAll(late); err != nil {
		return machine{}, err
	}
	found.kernel = release()
	return found, errors.Join(loopback(), os.Setenv("PATH", "/usr/bin:/bin"))
}

func mountAll(mounts []mount) error {
	for _, each := range mounts {
		_ = os.Mkdir(each.target, 0o755) // there already on a read-only root
		if err := unix.Mount(each.source, each.target, each.kind, each.flags, each.data); err != nil {
			return fmt.Errorf("mount %s: %w", each.target, err)
		}
	}
	return nil
}

// options of the kernel's command line that are ours: bastide.<name>=<value>.
func options(line string) map[string]string {
	found := map[string]string{}
	for _, word := range strings.Fields(line) {
		if name, value, ok := strings.Cut(word, "="); ok && strings.HasPrefix(name, "bastide.") {
			found[name] = value
		}
	}
	return found
}

// load puts in the modules for the buses and devices that are there.
func load(words map[string]string) error {
	content, err := os.ReadFile(moduleList)
	if err != nil {
		return err
	}
	var sets map[string][]string
	if err := json.Unmarshal(content, &sets); err != nil {
		return fmt.Errorf("%s: %w", moduleList, err)
	}
	if _, err := os.Stat(mmioDevice); err == nil {
		if err := insert(sets["mmio"]); err != nil {
			return err
		}
	}
	there := devices()
	wanted := map[string]bool{
		"block": there[blockID], "entropy": there[entropyID], "vsock": there[vsockID], "root": words["bastide.root"] != "",
	}
	for _, set := range []string{"block", "root", "vsock", "entropy"} {
		if wanted[set] {
			if err := insert(sets[set]); err != nil {
				return err
			}
		}
	}
	return os.RemoveAll(filepath.Dir(moduleFolder)) // their memory is free again
}

const moduleFolder = "/modules/"

func insert(names []string) error {
	for _, name := range names {
		file, err := os.Open(moduleFolder + name)
		if err != nil {
			return err
		}
		err = unix.FinitModule(int(file.Fd()), "", 0)
		_ = file.Close()
		if err != nil && !errors.Is(err, unix.EEXIST) {
			return fmt.Errorf("module %s: %w", name, err)
		}
	}
	return nil
}

// devices are the numbers of the virtio devices at hand.
func devices() map[int]bool {
	found := map[int]bool{}
	files, _ := filepath.Glob(virtioDriven + "/*/device")
	for _, path := range files {
		content, _ := os.ReadFile(path)
		number := 0
		if _, err := fmt.Sscanf(string(content), "0x%x", &number); err == nil {
			found[number] = true
		}
	}
	return found
}

func release() string {
	var name unix.Utsname
	if unix.Uname(&name) != nil {
		return ""
	}
	return unix.ByteSliceToString(name.Release[:])
}

// loopback brings the interface lo up.
func loopback() error {
	socket, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(socket)
	request, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	request.SetUint16(unix.IFF_UP)
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(socket), unix.SIOCSIFFLAGS, uintptr(unsafe.Pointer(request))); errno != 0 {
		return fmt.Errorf("interface lo: %w", errno)
	}
	return nil
}
