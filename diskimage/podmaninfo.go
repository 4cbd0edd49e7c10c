package diskimage

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"strings"
)

// podmanInfo is what is needed of podman info.
type podmanInfo struct {
	Host struct {
		Arch          string `json:"arch"`
		CgroupVersion string `json:"cgroupVersion"`
		OCIRuntime    struct {
			Name string `json:"name"`
		} `json:"ociRuntime"`
		Remote   bool `json:"serviceIsRemote"`
		Security struct {
			Rootless bool `json:"rootless"`
		} `json:"security"`
	} `json:"host"`
	Store struct {
		GraphRoot string `json:"graphRoot"`
		Allocated uint64 `json:"graphRootAllocated"`
		Used      uint64 `json:"graphRootUsed"`
	} `json:"store"`
	Version struct {
		Version string `json:"Version"`
	} `json:"version"`
}

func (p Podman) info(ctx context.Context) (podmanInfo, error) {
	var info podmanInfo
	out, err := p.command(ctx, "info", "--format", "json").Output()
	if e, ok := errors.AsType[*exec.ExitError](err); ok {
		err = fmt.Errorf("%w: %s", err, strings.TrimSpace(string(e.Stderr)))
	}
	if err == nil {
		err = json.Unmarshal(out, &info)
	}
	if err != nil {
		return info, fmt.Errorf("podman info: %w", err)
	}
	return info, nil
}
