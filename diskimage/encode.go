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
