package lint

// runtimeRules are about commands of a build that are meant for a running system.
var runtimeRules = []Rule{
	{
		ID: "BL405", Slug: "live-verb-in-run", Severity: Error, Stages: InContainerfile | InSpec,
		Title: "a command that needs a running system",
		Rationale: `While an image is built there is no systemd and no kernel of its own. Commands that talk to them fail, or seem to work and leave
nothing behind. What they should do belongs into files that take effect at boot.`,
		URL: "https://bootc.dev/bootc/building/guidance.html",
		Bad: `
-- Containerfile --
FROM quay.io/acme/base:1
RUN dnf -y install nginx && \
    systemctl enable --now nginx && \
    dnf clean all
`,
		Good: `
-- Containerfile --
FROM quay.io/acme/base:1
RUN dnf -y install nginx && \
    systemctl enable nginx && \
    systemctl --root=/mnt start nginx && \
    firewall-offline-cmd --add-service=https && \
    dnf clean all
`,
		Check: func(f *Facts, found func(Finding)) {
			for c := range f.Commands() {
				if v := liveVerb(c); v.what != "" {
					found(c.Finding("%s needs a running system, which a build does not have", v.what).As(v.severity).Fixed("%s", v.fix).Showing(c.Text))
				}
			}
		},
	},
	{
		ID: "BL406", Slug: "bootloader-edit", Severity: Error, Stages: InSpec | InContainerfile | InRoot,
		Title: "a change to the boot loader",
		Rationale: `bootc writes the boot entries itself, from the kernel and the kernel arguments of the image, anew with each update. What a build does to
/boot is hidden on a device, /etc/default/grub is not read, and an entry that is changed on a device is replaced by the next update.`,
		URL: "https://bootc.dev/bootc/building/kernel-arguments.html",
		Bad: `
-- Containerfile --
FROM quay.io/acme/base:1
RUN grubby --update-kernel=ALL --args="console=ttyS0"
`,
		Good: `
-- Containerfile --
FROM quay.io/acme/base:1
COPY <<EOF /usr/lib/bootc/kargs.d/10-console.toml
kargs = ["console=ttyS0"]
EOF
RUN grubby --info=ALL
`,
		Wants: append(taskWants(), Want{Glob: "/etc/default/grub", Digest: true}),
		Check: func(f *Facts, found func(Finding)) {
			for c := range f.Commands() {
				if what, fix := bootChange(c); what != "" {
					found(c.Finding("%s has no effect on a device, where bootc writes the boot entries", what).Showing(c.Text).Fixed("%s", fix))
				}
			}
			for _, t := range f.tasks() {
				if what, fix := bootChange(t.Command); what != "" {
					found(t.finding("%s runs %s, and the next update undoes it: bootc writes the boot entries", t.by, what).Fixed("%s", fix))
				}
			}
			packaged := byPackages()
			for n, l := range f.Layers {
				file := l.File("/etc/default/grub")
				if file == nil || file.Whiteout() || !file.Derived() || packaged(file) || f.At(InLayers) && howEdited(f, n, file) == "" || f.At(InRoot) && !f.At(InLayers) {
					continue
				}
				found(file.Finding("is not read by bootc, which writes the boot entries: the arguments are never set").
					FixedBy(kargsDir+"/50-local.toml", "kargs = [\"console=ttyS0\"]\n", "write the arguments there"))
			}
		},
	},
}
