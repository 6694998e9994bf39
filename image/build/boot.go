package build

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"os"
	"path/filepath"

	"stairgate/appliance/update/slots"
)

// loader is systemd-boot, of the Debian package systemd-boot-efi.
const loader = "/usr/lib/systemd/boot/efi/systemd-bootx64.efi"

// slotFiles are a version's own files on the boot partition, below the slot's folder:
// what a bundle brings besides the root.
func slotFiles(board slots.Board, kernel, image string) (tree, error) {
	t := tree{}
	if image == "" {
		image = filepath.Join(kernel, "vmlinuz")
	}
	if board != slots.RPi {
		t.file("vmlinuz", image, 0o644)
		return t, nil
	}
	// The firmware unpacks a gzip kernel by its first bytes. Unpacked, two slots and
	// the room an update needs would not fit the boot partition.
	packed, err := pack(image)
	if err != nil {
		return nil, err
	}
	t.put("vmlinuz", node{mode: 0o644, data: packed})
	// Only what an image is for: Raspberry Pi 4 and 5 and their modules.
	for _, pattern := range []string{"bcm2711-*.dtb", "bcm2712*.dtb"} {
		found, err := filepath.Glob(filepath.Join(kernel, pattern))
		if err != nil {
			return nil, err
		}
		if len(found) == 0 {
			return nil, fmt.Errorf("the kernel in %s brings no %s; is it a Raspberry Pi kernel?", kernel, pattern)
		}
		for _, dtb := range found {
			t.file(filepath.Base(dtb), dtb, 0o644)
		}
	}
	// The firmware looks for overlays in the slot's folder only when this file is there.
	t.text("overlays/README", "With this file here the firmware reads the overlays of this slot.\n")
	return t, t.folder("overlays", filepath.Join(kernel, "overlays"))
}

func pack(name string) ([]byte, error) {
	plain, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(plain); err != nil {
		return nil, err
	}
	err = w.Close() // before Bytes: it writes the last of them
	return b.Bytes(), err
}

// bootFiles is the whole boot partition of a new disk: what the firmware starts, the
// first entry, and slot a.
func bootFiles(board slots.Board, firmware string, entry map[string][]byte, slot tree) (tree, error) {
	t := tree{}
	t.dir("a", "b")
	for name, n := range slot {
		t["a/"+name] = n
	}
	for name, data := range entry {
		t.put(name, node{mode: 0o644, data: data})
	}
	if board != slots.RPi {
		if _, err := os.Stat(loader); err != nil {
			return nil, fmt.Errorf("the boot loader is missing; install the Debian package systemd-boot-efi: %w", err)
		}
		t.file("EFI/BOOT/BOOTX64.EFI", loader, 0o644)
		// When a kernel cannot even be loaded, the loader gives up and the firmware
		// looks for something else to start. Where that is its shell, this makes it
		// begin again, so that the tries are used up and the other slot has its turn.
		t.put("startup.nsh", node{mode: 0o644, data: []byte("reset\r\n")})
		return t, nil
	}
	for _, pattern := range []string{"bootcode.bin", "start*.elf", "fixup*.dat"} {
		found, err := filepath.Glob(filepath.Join(firmware, pattern))
		if err != nil {
			return nil, err
		}
		if len(found) == 0 {
			return nil, fmt.Errorf("the firmware in %s has no %s", firmware, pattern)
		}
		for _, name := range found {
			t.file(filepath.Base(name), name, 0o644)
		}
	}
	return t, nil
}
