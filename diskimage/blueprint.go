package diskimage

// customizations is the part of osbuild's blueprint that the tool applies to bootc images, as JSON
// (https://osbuild.org/docs/user-guide/blueprint-reference).
type customizations struct {
	Kernel      *kernelBP      `json:"kernel,omitempty"`
	User        []userBP       `json:"user,omitempty"`
	Group       []groupBP      `json:"group,omitempty"`
	Filesystem  []filesystemBP `json:"filesystem,omitempty"`
	Disk        *diskBP        `json:"disk,omitempty"`
	Ignition    *ignitionBP    `json:"ignition,omitempty"`
	Directories []nodeBP       `json:"directories,omitempty"`
	Files       []nodeBP       `json:"files,omitempty"`
	FIPS        bool           `json:"fips,omitempty"`
	Installer   *installerBP   `json:"installer,omitempty"`
	Bootloader  *bootloaderBP  `json:"bootloader,omitempty"`
}

type kernelBP struct {
	Append string `json:"append"`
}

type userBP struct {
	Name               string   `json:"name"`
	Description        string   `json:"description,omitempty"`
	Password           string   `json:"password,omitempty"`
	Key                string   `json:"key,omitempty"`
	Home               string   `json:"home,omitempty"`
	Shell              string   `json:"shell,omitempty"`
	Groups             []string `json:"groups,omitempty"`
	UID                int      `json:"uid,omitempty"`
	GID                int      `json:"gid,omitempty"`
	ExpireDate         int64    `json:"expiredate,omitempty"` // days since 1970
	ForcePasswordReset bool     `json:"force_password_reset,omitempty"`
}

type groupBP struct {
	Name string `json:"name"`
	GID  int    `json:"gid,omitempty"`
}

type filesystemBP struct {
	Mountpoint string `json:"mountpoint"`
	MinSize    int64  `json:"minsize"`
}

type diskBP struct {
	Type        string        `json:"type,omitempty"`
	MinSize     int64         `json:"minsize,omitempty"`
	StartOffset int64         `json:"start_offset,omitempty"`
	SectorSize  int           `json:"sector_size,omitempty"`
	Partitions  []partitionBP `json:"partitions,omitempty"`
}

type partitionBP struct {
	Type       string        `json:"type"`
	MinSize    int64         `json:"minsize"`
	PartType   string        `json:"part_type,omitempty"`
	PartLabel  string        `json:"part_label,omitempty"`
	PartUUID   string        `json:"part_uuid,omitempty"`
	Mountpoint string        `json:"mountpoint,omitempty"`
	Label      string        `json:"label,omitempty"`
	FSType     string        `json:"fs_type,omitempty"`
	Name       string        `json:"name,omitempty"`
	Volumes    []volumeBP    `json:"logical_volumes,omitempty"`
	Subvolumes []subvolumeBP `json:"subvolumes,omitempty"`
}

type volumeBP struct {
	Name       string `json:"name,omitempty"`
	MinSize    int64  `json:"minsize"`
	Mountpoint string `json:"mountpoint,omitempty"`
	Label      string `json:"label,omitempty"`
	FSType     string `json:"fs_type"`
}

type subvolumeBP struct {
	Name       string `json:"name"`
	Mountpoint string `json:"mountpoint"`
}

type ignitionBP struct {
	FirstBoot struct {
		URL   string `json:"url,omitempty"`
		Empty bool   `json:"empty,omitempty"`
	} `json:"firstboot"`
}

type nodeBP struct {
	Path    string `json:"path"`
	User    any    `json:"user,omitempty"`
	Group   any    `json:"group,omitempty"`
	Mode    string `json:"mode,omitempty"`
	Data    string `json:"data,omitempty"`
	Parents bool   `json:"ensure_parents,omitempty"`
}

type installerBP struct {
	Unattended   bool         `json:"unattended,omitempty"`
	SudoNopasswd []string     `json:"sudo-nopasswd,omitempty"`
	Kickstart    *kickstartBP `json:"kickstart,omitempty"`
	Modules      *modulesBP   `json:"modules,omitempty"`
}

type kickstartBP struct {
	Contents string `json:"contents"`
}

type modulesBP struct {
	Enable  []string `json:"enable,omitempty"`
	Disable []string `json:"disable,omitempty"`
}

type bootloaderBP struct {
	Grub2 struct {
		TerminalInput  []string `json:"terminal_input,omitempty"`
		TerminalOutput []string `json:"terminal_output,omitempty"`
		Serial         string   `json:"serial,omitempty"`
	} `json:"grub2"`
}

// Blueprint returns the tool's configuration file, as JSON, without the values of secrets: in their place stands
// "[secret NAME]". It is nil if there is nothing to configure.
func (s Spec) Blueprint() ([]byte, error) {
	if err := s.Check(); err != nil {
		return nil, err
	}
	return s.blueprint(func(_, name string) (string, error) { return "[secret " + name + "]", nil })
}
