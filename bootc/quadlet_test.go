package bootc_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/internal/testkit"
)

// TestQuadletOracle has podman's own generator say which files it makes services of. What it refuses, Quadlet refuses;
// what Quadlet lets through, it takes.
func TestQuadletOracle(t *testing.T) {
	v := testkit.NewVerifiers(t)
	const image, pin = "Image=quay.io/acme/web", "Image=quay.io/acme/web@sha256:" + noDigest
	for name, c := range map[string]struct {
		files map[string]string
		wrong bool
	}{
		"container":           {map[string]string{"web.container": "[Unit]\nAfter=x.service\n[Container]\n" + pin + "\nPublishPort=80:80\nEnvironment=A=b \\\n  C=d\n[Service]\nRestart=always\n[Install]\nWantedBy=multi-user.target\n"}, false},
		"tag":                 {map[string]string{"web.container": "[Container]\n" + image + ":1\n"}, false},
		"comments":            {map[string]string{"web.container": "# one\n[Container]\n; two\n" + pin + "\n[X-Acme]\nAnything=goes\n"}, false},
		"rootfs":              {map[string]string{"web.container": "[Container]\nRootfs=/usr/lib/acme/root\n"}, false},
		"neither image":       {map[string]string{"web.container": "[Container]\nExec=true\n"}, true},
		"both":                {map[string]string{"web.container": "[Container]\n" + pin + "\nRootfs=/x\n"}, true},
		"unknown key":         {map[string]string{"web.container": "[Container]\n" + pin + "\nPorts=80\n"}, true},
		"case of a key":       {map[string]string{"web.container": "[Container]\n" + pin + "\nPublishport=80\n"}, true},
		"unknown quadlet key": {map[string]string{"web.container": "[Container]\n" + pin + "\n[Quadlet]\nDefaults=no\n"}, true},
		"quadlet key":         {map[string]string{"web.container": "[Container]\n" + pin + "\n[Quadlet]\nDefaultDependencies=no\n"}, false},
		"group without user":  {map[string]string{"web.container": "[Container]\n" + pin + "\nGroup=1\n"}, true},
		"user and group":      {map[string]string{"web.container": "[Container]\n" + pin + "\nUser=1\nGroup=1\n"}, false},
		"port":                {map[string]string{"web.container": "[Container]\n" + pin + "\nExposeHostPort=http\n"}, true},
		"ports":               {map[string]string{"web.container": "[Container]\n" + pin + "\nExposeHostPort=80-90/udp\n"}, false},
		"kill mode":           {map[string]string{"web.container": "[Container]\n" + pin + "\n[Service]\nKillMode=process\n"}, true},
		"kill mode mixed":     {map[string]string{"web.container": "[Container]\n" + pin + "\n[Service]\nKillMode=mixed\n"}, false},
		"service type":        {map[string]string{"web.container": "[Container]\n" + pin + "\n[Service]\nType=forking\n"}, true},
		"oneshot":             {map[string]string{"web.container": "[Container]\n" + pin + "\n[Service]\nType=oneshot\n"}, false},
		"no section":          {map[string]string{"web.container": "[Unit]\nDescription=x\n"}, true},
		"not INI":             {map[string]string{"web.container": "[Container]\n" + pin + "\nnonsense\n"}, true},
		"pod that is none":    {map[string]string{"web.container": "[Container]\n" + pin + "\nPod=web\n"}, true},
		"missing pod":         {map[string]string{"web.container": "[Container]\n" + pin + "\nPod=web.pod\n"}, true},
		"missing network":     {map[string]string{"web.container": "[Container]\n" + pin + "\nNetwork=back.network:alias=x\n"}, true},
		"missing volume":      {map[string]string{"web.container": "[Container]\n" + pin + "\nVolume=data.volume:/data\n"}, true},
		"missing mount":       {map[string]string{"web.container": "[Container]\n" + pin + "\nMount=type=volume,source=data.volume,destination=/data\n"}, true},
		"missing image":       {map[string]string{"web.container": "[Container]\nImage=web.image\n"}, true},
		"named volume":        {map[string]string{"web.container": "[Container]\n" + pin + "\nVolume=data:/data\nVolume=/var/lib/x.volume:/x\n"}, false},
		"all together": {map[string]string{
			"app.pod": "[Pod]\nPublishPort=80:80\n[Install]\nWantedBy=multi-user.target\n", "back.network": "[Network]\nSubnet=10.1.0.0/24\nGateway=10.1.0.1\n",
			"data.volume": "[Volume]\nDevice=tmpfs\nType=tmpfs\n", "web.image": "[Image]\n" + pin + "\n",
			"web.container": "[Container]\nImage=web.image\nNetwork=back.network\nVolume=data.volume:/data\nPod=app.pod\nMount=type=volume,source=data.volume,destination=/more\n",
		}, false},
		"image without":            {map[string]string{"web.image": "[Image]\nArch=arm64\n"}, true},
		"kube":                     {map[string]string{"app.kube": "[Kube]\nYaml=/usr/share/acme/app.yaml\n"}, false},
		"kube without":             {map[string]string{"app.kube": "[Kube]\nUserNS=auto\n"}, true},
		"build":                    {map[string]string{"web.build": "[Build]\nImageTag=localhost/web\nFile=/usr/share/acme/Containerfile\n"}, false},
		"build relative":           {map[string]string{"web.build": "[Build]\nImageTag=localhost/web\nFile=Containerfile\n"}, true},
		"build in unit":            {map[string]string{"web.build": "[Build]\nImageTag=localhost/web\nFile=Containerfile\nSetWorkingDirectory=unit\n"}, false},
		"build untagged":           {map[string]string{"web.build": "[Build]\nSetWorkingDirectory=unit\n"}, true},
		"build from nothing":       {map[string]string{"web.build": "[Build]\nImageTag=localhost/web\n"}, true},
		"volume type":              {map[string]string{"data.volume": "[Volume]\nType=tmpfs\n"}, true},
		"volume of image":          {map[string]string{"data.volume": "[Volume]\nDriver=image\n"}, true},
		"volume of an image":       {map[string]string{"data.volume": "[Volume]\nDriver=image\n" + pin + "\n"}, false},
		"gateway alone":            {map[string]string{"back.network": "[Network]\nGateway=10.1.0.1\n"}, true},
		"more gateways":            {map[string]string{"back.network": "[Network]\nSubnet=10.1.0.0/24\nGateway=10.1.0.1\nGateway=10.2.0.1\n"}, true},
		"range alone":              {map[string]string{"back.network": "[Network]\nIPRange=10.1.0.0/28\n"}, true},
		"template":                 {map[string]string{"web@.container": "[Container]\nImage=quay.io/acme/%i@sha256:" + noDigest + "\n[Install]\nDefaultInstance=one\nWantedBy=multi-user.target\n"}, false},
		"service name":             {map[string]string{"web.container": "[Container]\n" + pin + "\nServiceName=other\n"}, false},
		"list that is empty again": {map[string]string{"web.container": "[Container]\n" + pin + "\nNetwork=gone.network\nNetwork=\n"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			spec := bootc.From(debianBase.Ref).File("/usr/share/acme/app.yaml", "")
			for file, text := range c.files {
				write(t, filepath.Join(dir, file), text)
				spec = spec.Quadlet(file, text)
			}
			base := bootc.Base{Ref: debianBase.Ref, Files: rootFS("usr/bin/podman")}
			_, ours := spec.Compile(base)
			out, log, theirs := v.With("/usr/share/containers/systemd", dir).Run(t.Context(), "/usr/libexec/podman/quadlet", "-dryrun")
			if got := theirs != nil; got != c.wrong {
				t.Errorf("podman: %v\n%s%s", theirs, out, log)
			}
			if got := ours != nil; got != c.wrong {
				t.Errorf("Quadlet: %v", ours)
			}
			for file := range c.files {
				if service := serviceOf[file]; !c.wrong && service != "" && !strings.Contains(out, "---"+service+"---\n") {
					t.Errorf("podman makes no %s of %s:\n%s", service, file, out)
				}
			}
		})
	}
}

// serviceOf are the names that Unit refuses beside these files.
var serviceOf = map[string]string{"app.pod": "app-pod.service", "back.network": "back-network.service", "data.volume": "data-volume.service",
	"web.image": "web-image.service", "app.kube": "app.service", "web@.container": "web@.service", "web.build": "web-build.service"}

// TestBoundImageOracle: podman looks for the image in bootc's store, by the drop-in.
func TestBoundImageOracle(t *testing.T) {
	v := testkit.NewVerifiers(t)
	dir, _ := root(t, bootc.Spec{}.Quadlet("web.container", "[Container]\nImage=quay.io/acme/web@sha256:"+noDigest+"\n[Install]\nWantedBy=default.target\n").
		With(bootc.BoundImage{Quadlet: "web.container"}), nil)
	out, _, err := v.With("/usr/share/containers/systemd", dir+"/usr/share/containers/systemd").Run(t.Context(), "/usr/libexec/podman/quadlet", "-dryrun")
	if want := "ExecStart=/usr/bin/podman --storage-opt=additionalimagestore=/usr/lib/bootc/storage run "; err != nil || !strings.Contains(out, want) {
		t.Errorf("%v: no %q in\n%s", err, want, out)
	}
}

const noDigest = "0000000000000000000000000000000000000000000000000000000000000000"
