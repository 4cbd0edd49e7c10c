// Package edgeos is the OS image of the Acme fleet as a value: what every device gets on top of the bootable base.
package edgeos

import (
	_ "embed"

	"github.com/bootloom/bootloom/bootc"
)

//go:embed acme-ca.pem
var ca string

const (
	opsKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ9dk4QPPZkZ1ToQvOEwBEBsiGtIHDvSHlCOLzkgGmZy ops@acme.example"

	helloScript = "#!/bin/sh\necho \"edge-hello: up on $(uname -r)\"\n"

	helloUnit = `[Unit]
Description=Says that the edge image is up

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/libexec/edge-hello

[Install]
WantedBy=multi-user.target
`
)

// Spec is the image on the given base.
func Spec(base string) bootc.Spec {
	return bootc.From(base).
		Install("tmux").
		With(
			bootc.Release{Title: "Acme edge OS", Version: "1.4.0", Source: "https://git.example.com/acme/edge-os"},
			bootc.CABundle{Name: "acme", PEM: ca},
			bootc.User{Name: "ops", Groups: []string{"systemd-journal"}, SSHKeys: []string{opsKey}},
			bootc.Unit{Name: "edge-hello.service", Content: helloUnit, Enable: true},
			bootc.File{Path: "/usr/libexec/edge-hello", Content: bootc.Text(helloScript), Mode: 0o755},
		).
		DropIn("/usr/lib/sysctl.d/50-edge.conf", "net.ipv4.ip_forward = 1\n").
		DropIn("/usr/lib/systemd/journald.conf.d/50-edge.conf", "[Journal]\nStorage=persistent\nSystemMaxUse=1G\n").
		Kargs("edge.site=factory-7", "console=ttyS0")
}
