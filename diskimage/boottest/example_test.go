package boottest_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"testing"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/diskimage/boottest"
)

// In a test, what does not come up fails it, with the end of the serial console.
func Example() {
	_ = func(t *testing.T) {
		vm := boottest.Start(t, boottest.Machine{Disk: "disk.qcow2"})
		vm.WaitUnit("flightctl-agent.service")
		if state := vm.Sh("systemctl is-system-running"); state != "running\n" {
			t.Errorf("the system is %s", state)
		}
	}
}

// An OS image boots from where it was published, without a disk. This one is asked by a program, with a unit of its own beside
// those of the image.
func ExampleMachine_Boot() {
	_ = func(ctx context.Context) {
		machine := boottest.Machine{
			Image: bootc.Image{Location: "docker://quay.io/acme/edge-os:1.4.0"},
			Units: map[string]string{"probe.service": "[Service]\nType=oneshot\nExecStart=/usr/bin/acme-probe\n"},
		}
		vm, err := machine.Boot(ctx)
		if err != nil {
			log.Fatal(err)
		}
		defer vm.Stop()
		if err := vm.WaitUnit(ctx, "probe.service"); errors.Is(err, boottest.ErrUnitFailed) {
			log.Fatal(err) // with the unit's log
		}
		journal, err := vm.Journal(ctx, "-p", "err")
		fmt.Println(journal, err)
	}
}

// Mistakes are found before anything starts, all at once.
func ExampleMachine_Boot_mistakes() {
	_, err := boottest.Machine{Disk: "/nowhere/disk.raw", Kargs: []string{"quiet"}, Forward: []int{0}}.Boot(context.Background())
	fmt.Println(err)
	// Output:
	// boot /nowhere/disk.raw: Disk: stat /nowhere/disk.raw: no such file or directory
	// Kargs: the disk's boot loader has its own: set Kernel to boot without it
	// Forward[0]: 0 is not a port
}
