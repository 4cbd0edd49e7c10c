package diskimage

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"github.com/bootloom/bootloom/bootc"
)

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

// blueprint does not check: what a Check of the tool's is for has to reach it in tests. secret returns the value of a secret
// for a field.
func (s Spec) blueprint(secret func(field, name string) (string, error)) ([]byte, error) {
	e := encoder{secret: secret}
	c := e.customizations(s)
	if err := errors.Join(e.errs...); err != nil {
		return nil, err
	}
	b, err := json.Marshal(map[string]any{"customizations": c})
	if err != nil || string(b) == `{"customizations":{}}` {
		return nil, err
	}
	return b, nil
}

type encoder struct {
	secret func(field, name string) (string, error)
	errs   []error
}

func (e *encoder) value(field, name string) string {
	if name == "" {
		return ""
	}
	v, err := e.secret(field, name)
	if err != nil {
		e.errs = append(e.errs, err)
	}
	return v
}

func (e *encoder) customizations(s Spec) customizations {
	var c customizations
	if len(s.KernelArgs) > 0 {
		c.Kernel = &kernelBP{strings.Join(s.KernelArgs, " ")}
	}
	for i, u := range s.Users {
		b := userBP{Name: u.Name, Description: u.Description, Key: strings.Join(u.SSHKeys, "\n"), Home: u.Home, Shell: u.Shell,
			Groups: u.Groups, UID: u.UID, GID: u.GID, ForcePasswordReset: u.ForcePasswordReset,
			Password: e.value(fmt.Sprintf("Users[%d].PasswordSecret", i), u.PasswordSecret)}
		if !u.Expires.IsZero() {
			b.ExpireDate = u.Expires.Unix() / int64(24*time.Hour/time.Second)
		}
		c.User = append(c.User, b)
	}
	for _, g := range s.Groups {
		c.Group = append(c.Group, groupBP(g))
	}
	for _, f := range s.Filesystems {
		c.Filesystem = append(c.Filesystem, filesystemBP{f.Mountpoint, int64(f.MinSize)})
	}
	if !s.Layout.isZero() {
		c.Disk = encodeLayout(s.Layout)
	}
	if !s.Ignition.isZero() {
		c.Ignition = &ignitionBP{}
		c.Ignition.FirstBoot.URL, c.Ignition.FirstBoot.Empty = s.Ignition.URL, s.Ignition.Empty
	}
	for _, d := range s.Directories {
		c.Directories = append(c.Directories, nodeBP{Path: d.Path, User: ownerValue(d.User), Group: ownerValue(d.Group), Mode: modeText(d.Mode), Parents: d.Parents})
	}
	for i, f := range s.Files {
		c.Files = append(c.Files, nodeBP{Path: f.Path, User: ownerValue(f.User), Group: ownerValue(f.Group), Mode: modeText(f.Mode), Data: e.content(i, f)})
	}
	if b := s.Bootloader; !b.isZero() {
		c.Bootloader = &bootloaderBP{}
		c.Bootloader.Grub2.TerminalInput, c.Bootloader.Grub2.TerminalOutput, c.Bootloader.Grub2.Serial = b.TerminalInput, b.TerminalOutput, b.Serial
	}
	c.FIPS, c.Installer = s.Installer.FIPS, e.installer(s.Installer)
	return c
}

func (e *encoder) content(i int, f File) string {
	if f.Secret != "" {
		return e.value(fmt.Sprintf("Files[%d].Secret", i), f.Secret)
	}
	data, err := f.Content.ReadAll()
	if err != nil {
		e.errs = append(e.errs, &bootc.FieldError{Path: fmt.Sprintf("Files[%d].Content", i), Err: err})
	}
	return string(data)
}

func (e *encoder) installer(i Installer) *installerBP {
	b := installerBP{Unattended: i.Unattended, SudoNopasswd: i.SudoNopasswd}
	text := i.Kickstart + e.value("Installer.KickstartSecret", i.KickstartSecret)
	if text != "" {
		b.Kickstart = &kickstartBP{text}
	}
	if len(i.EnableModules)+len(i.DisableModules) > 0 {
		b.Modules = &modulesBP{i.EnableModules, i.DisableModules}
	}
	if !b.Unattended && len(b.SudoNopasswd) == 0 && b.Kickstart == nil && b.Modules == nil {
		return nil
	}
	return &b
}

func encodeLayout(l Layout) *diskBP {
	d := &diskBP{Type: l.Table, MinSize: int64(l.MinSize), StartOffset: int64(l.StartOffset), SectorSize: l.SectorSize}
	for _, p := range l.Partitions {
		b := partitionBP{Type: p.kind(), MinSize: int64(p.MinSize), PartType: p.Type, PartLabel: p.Name, PartUUID: p.UUID,
			Mountpoint: p.Mountpoint, Label: p.Label, FSType: p.FS, Name: p.VolumeGroup}
		for _, v := range p.Volumes {
			b.Volumes = append(b.Volumes, volumeBP{v.Name, int64(v.MinSize), v.Mountpoint, v.Label, v.FS})
		}
		for _, v := range p.Subvolumes {
			b.Subvolumes = append(b.Subvolumes, subvolumeBP(v))
		}
		d.Partitions = append(d.Partitions, b)
	}
	return d
}

func modeText(m fs.FileMode) string {
	if m == 0 {
		return ""
	}
	return fmt.Sprintf("%04o", uint32(m))
}
