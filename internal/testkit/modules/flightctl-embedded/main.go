// Command embedded reads the applications that an image brings, as an agent does that starts with the root file system
// ROOT: it prints their names and types, or fails with the agent's error.
//
//	embedded ROOT
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/flightctl/flightctl/api/core/v1beta1"
	"github.com/flightctl/flightctl/internal/agent/client"
	"github.com/flightctl/flightctl/internal/agent/device/applications/provider"
	"github.com/flightctl/flightctl/internal/agent/device/fileio"
	"github.com/flightctl/flightctl/pkg/executer"
	"github.com/flightctl/flightctl/pkg/log"
	"github.com/flightctl/flightctl/pkg/poll"
)

func main() {
	if err := run(os.Args[1]); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

func run(root string) error {
	logger := log.NewPrefixLogger("")
	files := fileio.NewReadWriter(fileio.NewReader(fileio.WithReaderRootDir(root)), fileio.NewWriter(fileio.WithWriterRootDir(root)))
	podman := client.NewPodman(logger, executor{}, files, poll.Config{})
	apps, err := provider.FromDeviceSpec(context.Background(), logger,
		func(v1beta1.Username) (*client.Podman, error) { return podman, nil }, nil,
		func(v1beta1.Username) (fileio.ReadWriter, error) { return files, nil },
		&v1beta1.DeviceSpec{}, provider.WithEmbedded("now"))
	if err != nil {
		return err
	}
	for _, app := range apps {
		fmt.Println(app.Name(), app.Spec().AppType)
	}
	return nil
}

// executor is the machine's podman, new enough for all kinds of applications.
type executor struct{ executer.Executer }

func (executor) ExecuteWithContext(context.Context, string, ...string) (stdout, stderr string, status int) {
	return "podman version 5.5.0", "", 0
}
